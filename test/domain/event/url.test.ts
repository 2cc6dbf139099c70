import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { normalizeUrl, splitUrl, withoutPassword } from '../../../domain/event/url.js';
import { urlField } from '../../../domain/event/urlFields.js';

const field = (name: string, url: string): string | undefined => urlField(name)(splitUrl(url));

describe('a field of a URL', () => {
  const cases: [url: string, field: string, value: string | undefined][] = [
    ['HTTPS://User@Shop.Example:8080/a/b?x=1#top', 'scheme', 'https'],
    ['HTTPS://User@Shop.Example:8080/a/b?x=1#top', 'host', 'shop.example'],
    ['HTTPS://User@Shop.Example:8080/a/b?x=1#top', 'path', '/a/b'],
    ['HTTPS://User@Shop.Example:8080/a/b?x=1#top', 'query', 'x=1'],
    ['HTTPS://User@Shop.Example:8080/a/b?x=1#top', 'fragment', 'top'],
    ['https://shop.example', 'path', '/'],
    ['https://shop.example?q', 'path', '/'],
    ['https://shop.example?q', 'host', 'shop.example'],
    ['https://shop.example#/a', 'host', 'shop.example'],
    ['https://shop.example#?utm_source=x', 'utm_source', undefined],
    ['//shop.example/a', 'host', 'shop.example'],
    ['//shop.example/a', 'scheme', undefined],
    ['/a//b?c=//d', 'host', undefined],
    ['/a//b?c=//d', 'path', '/a//b'],
    ['a/b', 'path', 'a/b'],
    ['?a=1', 'path', undefined],
    ['?a=1', 'query.a', '1'],
    ['', 'path', undefined],
    ['https://[2001:DB8::1]:443/', 'host', '[2001:db8::1]'],
    ['https://[::1]/', 'host', '[::1]'],
    ['https://:80/', 'host', undefined],
    ['https://a@b@c/', 'host', 'c'],
    ['https://münchen.example/', 'host', 'münchen.example'],
    ['javascript:alert(1)', 'scheme', 'javascript'],
    ['javascript:alert(1)', 'host', undefined],
    ['1http://a/', 'scheme', undefined],
    ['/?utm_source=a&utm_source=b', 'utm_source', 'a'],
    ['/?utm_medium=e-mail%20list', 'utm_medium', 'e-mail list'],
    ['/?utm_campaign=spring+sale', 'utm_campaign', 'spring sale'],
    ['/?utm_term=%C3%BC', 'utm_term', 'ü'],
    ['/?utm_content=50%', 'utm_content', '50%'],
    ['/?utm_content=%ff', 'utm_content', '%ff'],
    ['/?utm_content=a%00', 'utm_content', 'a%00'],
    ['/?utm_source=', 'utm_source', undefined],
    ['/?utm_source', 'utm_source', undefined],
    ['/?xutm_source=a', 'utm_source', undefined],
    ['/?utm_source2=a', 'utm_source', undefined],
    ['/?a=b=c', 'query.a', 'b=c'],
    ['/?q%5B0%5D=x', 'query.q[0]', 'x'],
    ['/?a.b=x', 'query.a.b', 'x'],
    ['/?__proto__=x&constructor=y', 'query.constructor', 'y'],
  ];
  for (const [url, name, value] of cases) {
    test(`${name} of ${url} is ${value ?? 'missing'}`, () => assert.equal(field(name, url), value));
  }

  test('never throws, whatever the text', () => {
    const names = ['scheme', 'host', 'path', 'query', 'fragment', 'utm_source', 'query.a'];
    fc.assert(
      fc.property(urlish, (url) => {
        for (const name of names) assert.notEqual(field(name, url), '');
      }),
      { numRuns: 3000 },
    );
  });
});

test('a password and its user are taken out of a URL, and nothing else', () => {
  const cases: [url: string, kept: string][] = [
    ['https://user:secret@host/a', 'https://host/a'],
    ['//user:secret@host/a', '//host/a'],
    ['HTTP://user:se@cret@HOST', 'HTTP://HOST'],
    ['ftp://:@host', 'ftp://host'],
    ['http:/u:p@h/x', 'http:/h/x'],
    ['http:u:p@h/x', 'http:h/x'],
    ['https:///u:p@h/x', 'https:///h/x'],
    ['h\tttp://u:p@h/x', 'http://h/x'],
    ['http://u:\np@h/x', 'http://h/x'],
    ['\u0001http:\\u:p@h/x', '\u0001http:\\h/x'],
    ['http:a:b@//u:p@h/', 'http://h/'],
    ['http: see a:b@c', 'http: see a:b@c'],
    ['file:///a:b@c', 'file:///a:b@c'],
    ['h\tttp://u@h/x', 'h\tttp://u@h/x'],
    ['https://user@host/a', 'https://user@host/a'],
    ['https://host/a:b@c', 'https://host/a:b@c'],
    ['https://host?a:b@c', 'https://host?a:b@c'],
    ['mailto:a:b@c', 'mailto:a:b@c'],
    ['user:secret', 'user:secret'],
    ['/a:b@c', '/a:b@c'],
  ];
  for (const [url, kept] of cases) assert.equal(withoutPassword(url), kept, url);
});

describe('normalising', () => {
  const cases: [url: string, normal: string][] = [
    ['HTTPS://Shop.EXAMPLE/A?B=C', 'https://shop.example/A?B=C'],
    ['http://a:80/', 'http://a/'],
    ['https://a:443', 'https://a/'],
    ['https://a:80/', 'https://a:80/'],
    ['http://a:8080/', 'http://a:8080/'],
    ['http://a:/', 'http://a/'],
    ['http://a#top', 'http://a/'],
    ['http://a/b?c#d?e', 'http://a/b?c'],
    ['http://a?b', 'http://a/?b'],
    ['http://[2001:DB8::1]:80/', 'http://[2001:db8::1]/'],
    ['http://User@A/', 'http://User@a/'],
    ['http://a/%7e/../b//', 'http://a/%7e/../b//'],
    ['//A:80/B#c', '//a:80/B'],
    ['/A/B?C', '/A/B?C'],
    ['/a#b', '/a'],
    ['#b', '#b'],
    ['A/B', 'A/B'],
    ['', ''],
    ['JAVASCRIPT:Alert(1)#x', 'javascript:Alert(1)#x'],
  ];
  for (const [url, normal] of cases) {
    test(`${url} is ${normal}`, () => assert.equal(normalizeUrl(url), normal));
  }

  test('twice is once, and takes no password back in', () => {
    fc.assert(
      fc.property(urlish, (url) => {
        const once = normalizeUrl(withoutPassword(url));
        assert.equal(normalizeUrl(withoutPassword(once)), once, url);
        assert.equal(withoutPassword(withoutPassword(url)), withoutPassword(url), url);
      }),
      { numRuns: 20_000 },
    );
  });
});

/** Texts that are URLs, nearly are, or are made of their marks. */
const marks = fc.array(
  fc.constantFrom(
    ...['http', 'HTTPS', ':', '/', '//', '@', '#', '?', '&', '=', '80', ':80', ':443', '[', ']', '.', 'A'],
    ...['%', '%41', '+', 'İ', 'ß', 'Σ', ' ', '\\', '', 'utm_source', 'a'],
  ),
  { maxLength: 14 },
);
const urlish = fc.oneof(
  fc.webUrl({ withFragments: true, withQueryParameters: true }),
  marks.map((parts) => parts.join('')),
  fc.string({ unit: 'binary' }),
);
