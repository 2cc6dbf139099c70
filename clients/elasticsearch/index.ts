export { readAliasState, type AliasState } from './aliases.js';
export {
  seriesOf,
  sumOver,
  topOf,
  windowsOf,
  MEASURES,
  type Measure,
  type Sums,
  type TopRow,
  type WindowSums,
} from './analysis.js';
export { REQUEST_FIGURES, sendBulk, type BulkOptions, type Sent } from './bulk.js';
export { BulkBody } from './bulkBody.js';
export { openElasticsearch } from './client.js';
export { figuresPage, type FiguresPage } from './figuresPage.js';
export { findFigure } from './findFigure.js';
export {
  countDocuments,
  dropIndices,
  openBuild,
  replacedIndices,
  swapReadAlias,
  type ReplacedIndex,
} from './generations.js';
export { allDocuments } from './documents.js';
export { IndexGone, mapEsError, SearchTooSlow } from './errors.js';
export { CSV_HEADER, figureCsv } from './figureCsv.js';
export { ensureIndices, existingIndices, findIndex, refresh, type GrainIndex } from './indices.js';
export { withRetries, type Patience } from './retry.js';
export {
  FIGURES,
  SORTABLE,
  SORT_ORDERS,
  type Figure,
  type FigureFilter,
  type FigureQuery,
  type Sortable,
  type SortOrder,
} from './query.js';
export { clicksInDocuments, searchFigures } from './search.js';
export { KEYWORD_LENGTH } from './template.js';
export { windowsOfDocuments } from './windows.js';
