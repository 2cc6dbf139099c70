/**
 * The configuration that the poison corpus is decoded by: a column of every type, a place of every kind, and names of
 * columns that are words of SQL.
 */
export const corpusYaml = (installation: {
  readonly name: string;
  readonly topics: readonly string[];
}): string => `version: 1
name: ${installation.name}
kafka: { topics: [${installation.topics.join(', ')}] }
event:
  where: [{ absent: _heartbeat_ }, { not: { field: kind, in: [ping, 7] } }]
  nulls: ['-', 'direct']
  id: { from: [event_id] }
  time: { from: [t], formats: [iso, epoch_s, epoch_ms, epoch_us] }
  address: { from: [ip] }
  agent: { from: [ua] }
  referrer: { from: [referrer] }
families:
  click_data:
    url: { type: text, from: [page.url, url], required: true }
    user: { type: text, from: [user] }
    order: { type: text, from: [session] }
    visitor: { type: text, from: [$visitor] }
    note: { type: text, from: [note, note.0, { path: ['page.note'] }] }
    i: { type: integer, from: [i] }
    b: { type: bigint, from: [b] }
    d: { type: double, from: [d] }
    flag: { type: boolean, from: [flag] }
    ts: { type: timestamptz, from: [ts] }
    day: { type: date, from: [day] }
    inet: { type: inet, from: [inet] }
    uuid: { type: uuid, from: [uuid] }
    json: { type: jsonb, from: [json] }
    inherited: { type: text, from: [__proto__.polluted, constructor.name, constructor.prototype.polluted, toString, l.length] }
    inner: { type: text, from: [{ json: payload, path: 'a.0' }] }
    product: { type: text, from: [{ template: '/product/{aid}?{params[key=ref].value}' }] }
    host: { type: text, from: [$url.host] }
    q: { type: text, from: [$url.query.q] }
    campaign: { type: text, from: [$referrer.utm_campaign, { const: none }] }
    sent: { type: timestamptz, from: [$kafka.timestamp] }
    is_bot: { type: boolean, from: [$ua.is_bot] }
  geo_data:
    table: { type: text, from: [geo.country, $geoip.country] }
  user_agent_data:
    user_agent: { type: text, from: [ua] }
    select: { type: text, from: [$ua.browser] }
roles:
  url: click_data.url
  user: click_data.user
  session: click_data.order
  bot: click_data.is_bot
  country: geo_data.table
analyze: { schedule: 1d }
`;
