export { sendChanges, type BulkOptions, type Sent } from './bulk.js';
export { openElasticsearch } from './client.js';
export { IndexGone, mapEsError } from './errors.js';
export { ensureIndices, findIndex, refresh, type GrainIndex } from './indices.js';
export { withRetries, type Patience } from './retry.js';
export {
  clicksInDocuments,
  FIGURES,
  searchFigures,
  SORTABLE,
  type Figure,
  type FigureQuery,
  type Sortable,
} from './search.js';
