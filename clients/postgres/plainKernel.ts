/** Opens the kernel that `kernel/` is the source of: sets up its memory and what it is to look for and to make. */
import type { ColumnType } from '../../domain/config/config.js';
import type { PlainColumn } from '../../domain/event/plain/event.js';
import {
  PADDING,
  RowStage,
  type PlainKernel,
  type PlainKeys,
  type PlainProgram,
  type PlainTable,
} from '../../domain/event/plain/kernel.js';
import { MAX_KEY_BYTES } from '../../domain/event/text.js';
import type { Family } from '../../domain/names.js';
import { openKernel } from './kernel.js';
import * as Type from './kernel/types.js';

/** What `kernel/index.ts` exports. Addresses and booleans are numbers. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  allocate(bytes: number): number;
  makeNames(count: number): number;
  setName(names: number, index: number, text: number, length: number, slot: number, inside: number): void;
  makeSlots(slots: number, nulls: number): void;
  setNull(index: number, text: number, length: number): void;
  kindsAt(): number;
  startsAt(): number;
  endsAt(): number;
  scan(names: number, from: number, to: number): number;
  putUuid(start: number, end: number, into: number): number;
  isoMicros(start: number, end: number): number;
  makeTable(columns: number, withId: number): number;
  setColumn(
    table: number,
    index: number,
    type: number,
    required: number,
    unlessEmpty: number,
    maxLength: number,
    places: number,
  ): void;
  setPlace(table: number, index: number, place: number, slot: number): void;
  eventIdAt(): number;
  rowEndAt(): number;
  row(
    table: number,
    at: number,
    limit: number,
    high: number,
    low: number,
    timeHigh: number,
    timeLow: number,
  ): number;
  fields(table: number, column: number, at: number, limit: number): number;
}

/** Events of at most this length are plain, and so much of a record batch is copied at once, bytes. */
const WINDOW = 128 * 1024;
/** Rows that are made before they are taken away, bytes. */
const STAGE = 64 * 1024;
/** What the kernel may write behind a stage. */
const OVERRUN = 16;
/** Of a row's head, and of each field but texts, at most. */
const HEAD = 46;
const FIELD = 20;

const TYPES: Readonly<Record<ColumnType, number>> = {
  text: Type.TEXT,
  integer: Type.INTEGER,
  bigint: Type.BIGINT,
  boolean: Type.BOOLEAN,
  uuid: Type.UUID,
  inet: Type.INET,
  double: Type.OTHER_TYPE,
  timestamptz: Type.OTHER_TYPE,
  date: Type.OTHER_TYPE,
  jsonb: Type.OTHER_TYPE,
};

export function openPlainKernel(program: PlainProgram): PlainKernel {
  return new Kernel(openKernel<Exports>(), program);
}

class Kernel implements PlainKernel {
  readonly memory: Uint8Array;
  readonly window: Uint8Array;
  readonly kinds: Uint8Array;
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
  readonly eventId: Uint8Array;
  readonly tables: Readonly<Record<Family, PlainTable>>;
  private readonly names: number;

  constructor(
    private readonly exports: Exports,
    { paths, nulls, columns }: PlainProgram,
  ) {
    // All memory is taken first: it may grow by that, and views of it from before would be of nothing.
    const window = exports.allocate(WINDOW + PADDING);
    const setUp = new SetUp(exports);
    this.names = setUp.names(treeOf(paths));
    exports.makeSlots(paths.length, nulls.length);
    for (const [i, text] of nulls.entries()) exports.setNull(i, ...setUp.text(text));
    const table = (family: Family): TableSetUp => setUp.table(columns[family], family === 'click_data');
    const [click_data, geo_data, user_agent_data] = [
      table('click_data'),
      table('geo_data'),
      table('user_agent_data'),
    ];
    setUp.writeTexts();
    const { buffer } = exports.memory;
    this.memory = new Uint8Array(buffer);
    this.window = new Uint8Array(buffer, window, WINDOW);
    this.kinds = new Uint8Array(buffer, exports.kindsAt(), paths.length);
    this.starts = new Uint32Array(buffer, exports.startsAt(), paths.length);
    this.ends = new Uint32Array(buffer, exports.endsAt(), paths.length);
    this.eventId = new Uint8Array(buffer, exports.eventIdAt(), 16);
    this.tables = {
      click_data: new Table(exports, click_data),
      geo_data: new Table(exports, geo_data),
      user_agent_data: new Table(exports, user_agent_data),
    };
  }

  scan(from: number, to: number): boolean {
    return this.exports.scan(this.names, from, to) !== 0;
  }

  takeUuid(start: number, end: number): boolean {
    return this.exports.putUuid(start, end, this.eventId.byteOffset) !== 0;
  }

  isoMicros(start: number, end: number): number {
    return this.exports.isoMicros(start, end);
  }
}

interface TableSetUp {
  readonly table: number;
  readonly stage: number;
  readonly stageBytes: number;
  readonly room: number;
}

class Table implements PlainTable {
  readonly stage: RowStage;
  readonly room: number;
  private readonly table: number;
  private readonly address: number;
  /** How far texts may reach. */
  private readonly limit: number;
  private readonly end: Uint32Array;

  constructor(
    private readonly exports: Exports,
    { table, stage, stageBytes, room }: TableSetUp,
  ) {
    const { buffer } = exports.memory;
    this.table = table;
    this.room = room;
    this.address = stage;
    this.limit = stage + stageBytes - room;
    this.stage = new RowStage(new Uint8Array(buffer, stage, stageBytes));
    this.end = new Uint32Array(buffer, exports.rowEndAt(), 1);
  }

  begin({ high, low, timeHigh, timeLow }: PlainKeys): number {
    const { address, stage } = this;
    const at = address + stage.at;
    const column = this.exports.row(this.table, at, this.limit, high, low, timeHigh, timeLow);
    stage.at = (this.end[0] as number) - address;
    return column;
  }

  resume(from: number): number {
    const { address, stage } = this;
    const column = this.exports.fields(this.table, from, address + stage.at, this.limit);
    stage.at = (this.end[0] as number) - address;
    return column;
  }
}

/** Names that are looked for in an object: the slot of each, and the names inside of it. */
type Tree = Map<string, { slot: number; readonly inside: Tree }>;

function treeOf(paths: PlainProgram['paths']): Tree {
  const root: Tree = new Map();
  for (const [slot, path] of paths.entries()) {
    let tree = root;
    for (const [i, step] of path.entries()) {
      const name = tree.get(step) ?? { slot: -1, inside: new Map() as Tree };
      tree.set(step, name);
      if (i === path.length - 1) name.slot = slot;
      tree = name.inside;
    }
  }
  return root;
}

/** Lays out what the kernel reads. */
class SetUp {
  private readonly texts: { readonly at: number; readonly bytes: Uint8Array }[] = [];

  constructor(private readonly exports: Exports) {}

  names(tree: Tree): number {
    if (tree.size === 0) return 0;
    const names = this.exports.makeNames(tree.size);
    let index = 0;
    for (const [name, { slot, inside }] of tree)
      this.exports.setName(names, index++, ...this.text(`"${name}"`), slot, this.names(inside));
    return names;
  }

  /** Sixteen bytes are read at once, so there are as many. */
  text(text: string): [at: number, length: number] {
    const bytes = new TextEncoder().encode(text);
    const at = this.exports.allocate(bytes.length + 16);
    this.texts.push({ at, bytes });
    return [at, bytes.length];
  }

  table(columns: readonly PlainColumn[], withId: boolean): TableSetUp {
    const { exports } = this;
    const table = exports.makeTable(columns.length, Number(withId));
    for (const [i, column] of columns.entries()) {
      const { type, required, isUrl, isKey, places } = column;
      const maxLength = isKey ? MAX_KEY_BYTES : WINDOW;
      exports.setColumn(table, i, TYPES[type], Number(required), Number(isUrl), maxLength, places.length);
      for (const [j, place] of places.entries())
        exports.setPlace(table, i, j, typeof place === 'number' ? place : -1);
    }
    const room = HEAD + columns.length * FIELD;
    const stageBytes = STAGE + room;
    return { table, stage: exports.allocate(stageBytes + OVERRUN), stageBytes, room };
  }

  /** Once no more memory is taken. */
  writeTexts(): void {
    const memory = new Uint8Array(this.exports.memory.buffer);
    for (const { at, bytes } of this.texts) memory.set(bytes, at);
  }
}
