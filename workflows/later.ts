import { ApplicationFailure } from '@temporalio/workflow';

/**
 * Workflow types of the design that this version does not have. They fail at once and by name: a type that the
 * worker does not know would be tried for ever, and its starter would never hear why.
 */
const later = (type: string) => (): Promise<never> =>
  Promise.reject(ApplicationFailure.nonRetryable(`${type} comes in a later version`, 'Usage'));

export const reindex = later('reindex');
