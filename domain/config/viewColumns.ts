import { FAMILIES, type Family } from '../names.js';
import type { Column, Config } from './config.js';

export interface ViewColumn {
  readonly family: Family;
  readonly name: string;
  /** Its name in the view that joins the families: one that two families share carries its family in front. */
  readonly as: string;
}

export function viewColumns(families: Config['families']): readonly ViewColumn[] {
  const all: readonly Column[] = FAMILIES.flatMap((family) => families[family]);
  const count = new Map<string, number>();
  for (const { name } of all) count.set(name, (count.get(name) ?? 0) + 1);
  return all.map(({ family, name }) => ({
    family,
    name,
    as: (count.get(name) ?? 0) > 1 ? `${family}_${name}` : name,
  }));
}
