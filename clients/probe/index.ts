/** Asks each server for what tells that it is the right one: `doctor` prints the answers. */
export { probeElasticsearch } from './elasticsearch.js';
export { probeKafka } from './kafka.js';
export { probePostgres, type Primary } from './postgres.js';
export { postgresThroughSpark, probeSpark } from './spark.js';
export { probeTemporal } from './temporal.js';
