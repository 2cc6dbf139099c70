/** `roles`: which column plays which part, and whether its type can. */
import { FAMILIES } from '../names.js';
import type { Column, ColumnType, Config, Roles } from './config.js';
import { GRAMMAR_TYPES } from './grammar.js';
import type { Complain } from './meaning.js';
import { nearest } from './nearest.js';
import type { RawMapping } from './schema.js';

const SCALARS: readonly ColumnType[] = GRAMMAR_TYPES.filter((type) => type !== 'jsonb');
const ROLE_TYPES = {
  url: ['text'],
  user: SCALARS,
  session: SCALARS,
  time_spent: ['integer', 'bigint', 'double'],
  bot: ['boolean'],
  country: ['text'],
} as const satisfies Record<keyof RawMapping['roles'], readonly ColumnType[]>;

export function toRoles(raw: RawMapping, families: Config['families'], complain: Complain): Roles {
  const find = (role: keyof RawMapping['roles']): Column | undefined => {
    const reference = raw.roles[role];
    if (reference === undefined) return undefined;
    const [family, name] = reference.split('.');
    const columns = FAMILIES.flatMap((known) => (known === family ? families[known] : []));
    const column = columns.find((column) => column.name === name);
    const path = ['roles', role];
    if (column === undefined) {
      const hint = nearest(
        name ?? '',
        columns.map((column) => column.name),
      );
      const meant = hint === undefined ? '' : `; did you mean ${family ?? ''}.${hint}?`;
      complain(path, `expected a column of families.${family ?? ''}, got "${reference}"${meant}`);
      return undefined;
    }
    const types: readonly ColumnType[] = ROLE_TYPES[role];
    if (!types.includes(column.type)) {
      complain(
        path,
        `expected a column of type ${types.join(', ')}, got ${reference} of type ${column.type}`,
      );
    }
    return column;
  };
  const url = find('url');
  if (url !== undefined && !url.required) {
    complain(['roles', 'url'], `expected a column with required: true, got ${raw.roles.url} without it`);
  }
  const user = find('user');
  const session = find('session');
  const timeSpent = find('time_spent');
  const bot = find('bot');
  const country = find('country');
  return {
    // Complained about above when it is missing; parseConfig then throws and nobody sees the stand-in.
    url: url ?? { family: 'click_data', name: '', type: 'text', required: true, from: [] },
    ...(user && { user }),
    ...(session && { session }),
    ...(timeSpent && { timeSpent }),
    ...(bot && { bot }),
    ...(country && { country }),
  };
}
