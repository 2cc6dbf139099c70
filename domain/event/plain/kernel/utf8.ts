/** Whether bytes are UTF-8: no overlong form, no half of a surrogate pair, nothing beyond U+10FFFF, nothing cut off. */
export function isUtf8(from: usize, to: usize): bool {
  let at = skipAscii(from, to);
  while (at < to) {
    const lead = <i32>load<u8>(at);
    const length = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
    if (length == 0 || at + length > to) return false;
    const second = <i32>load<u8>(at + 1);
    if (lead == 0xe0 && second < 0xa0) return false;
    if (lead == 0xed && second > 0x9f) return false;
    if (lead == 0xf0 && second < 0x90) return false;
    if (lead == 0xf4 && second > 0x8f) return false;
    for (let i = 1; i < length; i++) if ((load<u8>(at + i) & 0xc0) != 0x80) return false;
    at = skipAscii(at + length, to);
  }
  return true;
}

/** The first byte beyond ASCII; `to` or behind it: there is none. */
@inline
function skipAscii(at: usize, to: usize): usize {
  while (at < to) {
    const beyond = i8x16.bitmask(v128.load(at));
    if (beyond != 0) return at + ctz(beyond);
    at += 16;
  }
  return at;
}
