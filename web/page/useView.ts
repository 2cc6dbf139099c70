import { useCallback, useEffect, useState } from 'preact/hooks';
import { readAddress, writeAddress, type View } from '../view/address.js';

/** Changes parts of the view; `replace` leaves no step in the browser's history, as for letters being typed. */
export type ChangeView = (part: Partial<View>, options?: { readonly replace?: boolean }) => void;

/** The view that the address bar holds. */
export function useView(): readonly [View, ChangeView] {
  const [view, setView] = useState(() => readAddress(location.search));
  useEffect(() => {
    const onPop = (): void => setView(readAddress(location.search));
    addEventListener('popstate', onPop);
    return () => removeEventListener('popstate', onPop);
  }, []);
  const change = useCallback<ChangeView>((part, options) => {
    const next = writeAddress({ ...readAddress(location.search), ...part });
    if (next === location.search) return;
    const address = `${location.pathname}${next}`;
    if (options?.replace) history.replaceState(null, '', address);
    else history.pushState(null, '', address);
    setView(readAddress(location.search));
  }, []);
  return [view, change];
}
