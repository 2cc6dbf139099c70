import type pg from 'pg';
import { isTurnTaken, limitWaits, resetWaits, takeTurn } from '../clients/postgres/ingest.js';
import { inTransaction, withClient } from '../clients/postgres/pool.js';
import { applicationName } from '../domain/names.js';
import type { BatchRef } from '../domain/stages.js';
import { untilAborted } from '../domain/untilAborted.js';
import { shortHash } from './attempt.js';
import type { IngestDeps } from './deps.js';
import { heartbeatTimeoutMs } from './heartbeat.js';

/** How long a batch waits for other processes at most, ms: a few times what two large batches take. */
const PATIENCE_MS = 10_000;

interface Turn {
  readonly members: Set<string>;
  /** Until the first member leaves: then it is another process' turn. */
  open: boolean;
  readonly begun: Promise<void>;
  readonly ended: Promise<void>;
  /** The last member has left. */
  left(): void;
}

/**
 * Batches of several processes that write the same ids at the same time would fail each other's COPY, however often
 * each asks which ids are there: it cannot see what is not committed. So processes take turns, by a lock of
 * PostgreSQL, each with as many batches as it has lanes: those know of each other by the claim filter. An accelerator,
 * as the filter is: a batch whose patience ends goes on without.
 */
export class ProcessTurns {
  /** This process' turns, and those that it waits for, by topic. */
  private readonly turns = new Map<string, Turn>();

  constructor(
    private readonly deps: Pick<IngestDeps, 'postgres' | 'logger' | 'claimOrder'>,
    private readonly patienceMs = PATIENCE_MS,
  ) {}

  /** Whether some process takes turns with the topic. */
  async areTaken(client: pg.ClientBase, topic: string): Promise<boolean> {
    return this.turns.has(topic) || (await isTurnTaken(client, topic));
  }

  /** Runs `use` in a turn of this process. */
  async during<T>({ batchId, topic }: BatchRef, signal: AbortSignal, use: () => Promise<T>): Promise<T> {
    for (;;) {
      signal.throwIfAborted();
      const turn = this.turns.get(topic) ?? this.begin(topic);
      if (!turn.open && !this.isAwaited(batchId, turn)) {
        await untilAborted(turn.ended, signal);
        continue;
      }
      turn.members.add(batchId);
      try {
        await untilAborted(turn.begun, signal);
        return await use();
      } finally {
        turn.open = false;
        turn.members.delete(batchId);
        if (turn.members.size === 0) turn.left();
      }
    }
  }

  /** A batch that another one waits for must not wait until that one has left. */
  private isAwaited(batchId: string, { members }: Turn): boolean {
    return [...members].some((member) => this.deps.claimOrder.isBefore(batchId, member));
  }

  private begin(topic: string): Turn {
    const { postgres, logger } = this.deps;
    const begun = gate();
    const left = gate();
    const own = applicationName(postgres.name, 'claims', 'turn', shortHash(`${topic}/${process.pid}`));
    const idleMs = heartbeatTimeoutMs() * 2;
    const ended = withClient(postgres, own, async (client) => {
      await limitWaits(client, this.patienceMs, idleMs);
      await inTransaction(client, async () => {
        await takeTurn(client, topic);
        begun.open();
        await left.opened;
      });
      await resetWaits(client);
    })
      .catch((e: unknown) => logger.debug({ err: String(e) }, 'a turn was not taken, or not to its end'))
      .finally(() => {
        if (this.turns.get(topic) === turn) this.turns.delete(topic);
        begun.open();
      });
    const turn: Turn = {
      members: new Set(),
      open: true,
      begun: begun.opened,
      ended,
      left: left.open,
    };
    this.turns.set(topic, turn);
    return turn;
  }
}

function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}
