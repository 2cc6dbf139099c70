/** Starts the whole chain from anywhere, with Temporal's client alone: `node dist/examples/start-pipeline.js`. */
import { Client, Connection } from '@temporalio/client';

const connection = await Connection.connect({ address: process.env['TEMPORAL_ADDRESS'] ?? 'localhost:7233' });
const client = new Client({ connection, namespace: process.env['TEMPORAL_NAMESPACE'] ?? 'default' });
const taskQueue = process.env['CLICKSTREAM_NAME'] ?? 'clickstream';
const run = await client.workflow.start('pipeline', {
  taskQueue,
  workflowId: `${taskQueue}-script`,
  args: [{}],
});
console.log(`started ${run.workflowId}`);
console.log(JSON.stringify(await run.result(), undefined, 2));
await connection.close();
