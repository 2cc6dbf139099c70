import * as format from '../view/format.js';

/** Of a URL of 100 KB a page holds this much, in characters; its copy button has it whole. */
const SHOWN = 400;
const TOLD = 2_000;
/** The end stays when the middle has no room: pages differ there. */
const END = 14;

/** A URL as text, never as a link or markup; what has no room is cut out of its middle. */
export function UrlText({ url }: { readonly url: string }) {
  const text = format.shortened(format.visible(url), SHOWN);
  const cut = text.length > 3 * END ? text.length - END : text.length;
  return (
    <bdi class="url" title={format.shortened(format.visible(url), TOLD)}>
      <span class="start">{text.slice(0, cut)}</span>
      {cut < text.length && <span class="end">{text.slice(cut)}</span>}
    </bdi>
  );
}
