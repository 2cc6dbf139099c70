import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as format from '../../../web/view/format.js';

test('a duration is read by its two leading units', () => {
  const cases: [number, string][] = [
    [0, '0 s'],
    [840, '840 ms'],
    [23_200, '23.2 s'],
    [59_949, '59.9 s'],
    [59_951, '1 min 00 s'],
    [62_000, '1 min 02 s'],
    [3_599_600, '1 h 00 min'],
    [11_100_000, '3 h 05 min'],
    [359_999_999, '100 h'],
    [4_334_400_000, '1,204 h'],
  ];
  for (const [ms, text] of cases) assert.equal(format.duration(ms), text, String(ms));
});

test('a share that is not nothing is not 0 %, and one that is not all is not 100 %', () => {
  assert.equal(format.share(63, 100), '63 %');
  assert.equal(format.share(5.24, 100), '5.2 %');
  assert.equal(format.share(1, 1_000_000), 'under 0.1 %');
  assert.equal(format.share(999_999, 1_000_000), 'over 99.9 %');
  assert.equal(format.share(7, 7), '100 %');
  assert.equal(format.share(0, 0), '0 %');
});

test('a country is named, and what is no country stays the text it is', () => {
  assert.equal(format.countryName('DE'), 'Germany');
  assert.equal(format.countryName('ZZ'), 'Unknown');
  assert.equal(format.countryName('QQ'), 'QQ');
  assert.equal(format.countryName('<b>\u202e'), '<b>\\u202e');
});

test('what would make a URL look like another is spelled out', () => {
  assert.equal(format.visible('/a\u202egpj.exe\u0000\n'), '/a\\u202egpj.exe\\u0000\\u000a');
  assert.equal(format.visible('/münchen/日本'), '/münchen/日本');
});

test('a long URL loses its middle, never its end', () => {
  const short = format.shortened(`/start/${'x'.repeat(100_000)}/the-end`, 40);
  assert.equal(short.length, 40);
  assert.match(short, /^\/start\/x+…x+\/the-end$/);
  assert.equal(format.shortened('/short', 40), '/short');
});

test('only http and https make a link', () => {
  for (const url of ['http://a.example/', 'HTTPS://a.example/b?c']) assert.ok(format.isWebAddress(url), url);
  const others = [
    'javascript:alert(1)',
    ' https://a.example',
    '/path',
    'data:text/html,x',
    '//a.example',
    'https://',
  ];
  for (const url of others) assert.ok(!format.isWebAddress(url), url);
});

test('a time ago is told by its largest unit', () => {
  const now = Date.UTC(2026, 10, 28);
  assert.equal(format.ago(now - 59_000, now), 'just now');
  assert.equal(format.ago(now - 60_000, now), '1 minute ago');
  assert.equal(format.ago(now - 26 * 3_600_000, now), '1 day ago');
  assert.equal(format.ago(Date.UTC(2015, 4, 20), now), '11 years ago');
  assert.equal(format.ago(now + 5_000, now), 'just now');
});
