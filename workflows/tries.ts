/** Work that its server may be too small for. */
import { sleep } from '@temporalio/workflow';
import { failureType, reason } from './failures.js';

const TRIES = 3;
/** An executor, or a server that something starts again, is back by then; until it is, an attempt waits for it. */
const PAUSE = '5 seconds';

/**
 * Another try may find more memory; an endless repetition would only hide that there is too little.
 * @param say what the web UI shows meanwhile
 * @throws after so many tries what the last of them failed with, `ServerExhausted`
 */
export async function aFewTimes<T>(work: () => Promise<T>, say: (stage: string) => void): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (failureType(error) !== 'ServerExhausted' || tries === TRIES) throw error;
      say(`try ${tries + 1} of ${TRIES} follows: ${reason(error)}`);
      await sleep(PAUSE);
    }
  }
}
