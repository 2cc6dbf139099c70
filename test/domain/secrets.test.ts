import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { hideSecrets, hideSecretsIn } from '../../domain/secrets.js';

describe('the password of an address is hidden, all else stays', () => {
  const cases: [address: string, shown: string][] = [
    ['postgres://me:S3CRET@host:5432/db', 'postgres://me:(hidden)@host:5432/db'],
    ['postgres://me:S3CR@ET@host/db', 'postgres://me:(hidden)@host/db'],
    ['postgres://me:S3C RET@host/db', 'postgres://me:(hidden)@host/db'],
    ['postgres://:S3CRET@host', 'postgres://:(hidden)@host'],
    ['postgres://me@host:5432/db', 'postgres://me@host:5432/db'],
    [
      'postgres://host/db?password=S3CRET&sslmode=require',
      'postgres://host/db?password=(hidden)&sslmode=require',
    ],
    ['postgres://host/db?pass%77ord=S3CRET', 'postgres://host/db?pass%77ord=(hidden)'],
    ['postgres://host/db?password=S3C%26RET', 'postgres://host/db?password=(hidden)'],
    ['jdbc:postgresql://me:S3CRET@host:5432/db', 'jdbc:postgresql://me:(hidden)@host:5432/db'],
    [
      'jdbc:postgresql://host/db?user=me&password=S3CRET&sslpassword=S3CRET&ssl=true',
      'jdbc:postgresql://host/db?user=me&password=(hidden)&sslpassword=(hidden)&ssl=true',
    ],
    ['jdbc:postgresql:///?service=clickstream', 'jdbc:postgresql:///?service=clickstream'],
    ['sc://host:15002/;token=S3CRET;use_ssl=true', 'sc://host:15002/;token=(hidden);use_ssl=true'],
    ['sc://host/;user_id=S3CRET;x-api-key=S3CRET', 'sc://host/;user_id=(hidden);x-api-key=(hidden)'],
    [
      'https://a:S3CRET@proxy/?to=postgres://b:S3CRET@host/db',
      'https://a:(hidden)@proxy/?to=postgres://b:(hidden)@host/db',
    ],
    [
      'https://proxy/?to=postgres%3A%2F%2Fb%3AS3CRET%40host%2Fdb',
      'https://proxy/?to=postgres%3A%2F%2Fb:(hidden)@host%2Fdb',
    ],
    [
      'https://proxy/?to=jdbc%3Apostgresql%3A%2F%2Fh%2Fd%3Fpassword%3DS3CRET%26ssl%3Dtrue',
      'https://proxy/?to=jdbc%3Apostgresql%3A%2F%2Fh%2Fd%3Fpassword%3D(hidden)%26ssl%3Dtrue',
    ],
    ['http://[::1]:9200/path', 'http://[::1]:9200/path'],
    ['127.0.0.1:9092', '127.0.0.1:9092'],
  ];
  for (const [address, shown] of cases)
    test(shown, () => {
      assert.equal(hideSecrets(address), shown);
      const words = `cannot reach "${address}", said a@b: no`;
      // A space inside of a password ends the address in a sentence; no address with one gets into one.
      if (!address.includes(' ')) assert.equal(hideSecretsIn(words), `cannot reach "${shown}", said a@b: no`);
    });
});

test('no password that an address can hold is shown, wherever it stands', () => {
  const secret = fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' }).map((s) => `S3C${s}RET`);
  const at: ((password: string) => string)[] = [
    (p) => `postgres://me:${p}@host:5432/db`,
    (p) => `jdbc:postgresql://me:${p}@host/db?ssl=true`,
    (p) => `jdbc:postgresql://host/db?password=${p}&ssl=true`,
    (p) => `sc://host:15002/;token=${p};use_ssl=true`,
    (p) => `https://proxy/?to=${encodeURIComponent(`postgres://me:${p}@host/db`)}&a=b`,
  ];
  fc.assert(
    fc.property(secret, fc.constantFrom(...at), (password, place) => {
      fc.pre(password.isWellFormed());
      const address = place(encodeURIComponent(password));
      const shown = `${hideSecrets(address)} ${hideSecretsIn(`it said: "${address}" is wrong`)}`;
      assert.ok(!shown.includes('S3C') && !shown.includes('RET'), shown);
      assert.ok(shown.includes('host') || shown.includes('proxy'), shown);
    }),
  );
});
