/** The role that Spark reads with: SELECT on what it reads, and nothing else. */
import type pg from 'pg';
import { ServerRefused, UsageError } from '../../domain/errors.js';
import { FAMILIES, TABLES } from '../../domain/names.js';
import { isRefusal } from './errors.js';
import { inTransaction, withClient, type Postgres } from './pool.js';
import { quoteIdent, quoteList } from './sql.js';

/**
 * The parents alone: PostgreSQL asks for the right on the table that a query names, so leaves and columns that are
 * made later need no grant, and retention drops leaves without a trace of one.
 */
const READ_BY_SPARK = [...FAMILIES, TABLES.clickMetrics];

/** What a role may do in an installation's schema now. */
interface Rights {
  readonly loginRole: boolean;
  readonly connect: boolean;
  readonly usage: boolean;
  /** Tables that it cannot read yet. */
  readonly unread: readonly string[];
  /** Tables that it could write, being an owner or a superuser or by somebody's grant. */
  readonly writable: readonly string[];
  /** Whether we may end its queries, as a run does that is cancelled. */
  readonly endable: boolean;
  readonly we: string;
  readonly database: string;
}

async function readRights(client: pg.ClientBase, name: string, role: string): Promise<Rights | undefined> {
  const { rows } = await client.query<Rights>(
    `SELECT r.rolcanlogin AS "loginRole",
            has_database_privilege(r.oid, current_database(), 'CONNECT') AS connect,
            has_schema_privilege(r.oid, $1, 'USAGE') AS usage,
            ARRAY(SELECT t FROM unnest($3::text[]) t
                  WHERE NOT has_table_privilege(r.oid, format('%I.%I', $1::text, t), 'SELECT')) AS unread,
            ARRAY(SELECT t FROM unnest($3::text[]) t
                  WHERE has_table_privilege(r.oid, format('%I.%I', $1::text, t), 'INSERT, UPDATE, DELETE, TRUNCATE'))
              AS writable,
            pg_has_role(r.oid, 'USAGE') AS endable, current_user::text AS we, current_database()::text AS database
     FROM pg_roles r WHERE r.rolname = $2`,
    [name, role, READ_BY_SPARK],
  );
  return rows[0];
}

/**
 * Grants a role what Spark needs: to connect, to use the schema, to read the families and the figures. Makes no role
 * and no password. Running it again does nothing.
 * @returns what was done, and what an administrator should know, in words
 * @throws UsageError: there is no such role; ServerRefused: we may not grant. Both name the statements
 */
export async function grantSparkRole(
  postgres: Postgres,
  name: string,
  role: string,
): Promise<readonly string[]> {
  return withClient(postgres, `${name}:migrate`, async (client) => {
    const before = await readRights(client, name, role);
    if (before === undefined)
      throw new UsageError(
        `--spark-role: PostgreSQL has no role ${quoteIdent(role)}; make it, then run this again: ` +
          `CREATE ROLE ${quoteIdent(role)} LOGIN PASSWORD '…'`,
      );
    const statements = grants(name, role, before);
    if (statements.length > 0) await grantAll(client, name, role, statements);
    const after = await readRights(client, name, role);
    if (after === undefined || grants(name, role, after).length > 0)
      throw mayNot(before.we, name, statements);
    return [...statements, ...(await membership(client, role, after)), ...remarks(role, after)];
  });
}

function grants(name: string, role: string, rights: Rights): string[] {
  const to = `TO ${quoteIdent(role)}`;
  const schema = quoteIdent(name);
  return [
    ...(rights.connect ? [] : [`GRANT CONNECT ON DATABASE ${quoteIdent(rights.database)} ${to}`]),
    ...(rights.usage ? [] : [`GRANT USAGE ON SCHEMA ${schema} ${to}`]),
    ...(rights.unread.length === 0
      ? []
      : [`GRANT SELECT ON ${quoteList(rights.unread, `${schema}.`)} ${to}`]),
  ];
}

async function grantAll(
  client: pg.ClientBase,
  name: string,
  role: string,
  statements: readonly string[],
): Promise<void> {
  try {
    await inTransaction(client, async () => {
      // Two at once would change the same rows of PostgreSQL's catalogue.
      await client.query('SELECT pg_advisory_xact_lock(hashtext($1))', [`clickstream grant ${name} ${role}`]);
      for (const statement of statements) await client.query(statement);
    });
  } catch (e) {
    if (!isRefusal(e)) throw e;
    const { rows } = await client.query<{ we: string }>('SELECT current_user::text AS we');
    throw mayNot(rows[0]?.we ?? '', name, statements, e);
  }
}

const mayNot = (we: string, name: string, statements: readonly string[], cause?: unknown): ServerRefused =>
  new ServerRefused(
    'PostgreSQL',
    `--spark-role: role ${quoteIdent(we)} may not grant in schema ${quoteIdent(name)}; have its owner, or an ` +
      `administrator, run: ${statements.join('; ')}`,
    { cause },
  );

/** A run that is cancelled ends Spark's queries, which PostgreSQL allows to members of their role. */
async function membership(
  client: pg.ClientBase,
  role: string,
  { endable, we }: Rights,
): Promise<readonly string[]> {
  if (endable) return [];
  const statement = `GRANT ${quoteIdent(role)} TO ${quoteIdent(we)}`;
  try {
    await client.query(statement);
    return [statement];
  } catch (e) {
    if (!isRefusal(e)) throw e;
    return [
      `for an administrator, so that a cancelled run can end the queries that Spark left behind: ${statement}`,
    ];
  }
}

function remarks(role: string, { loginRole, writable }: Rights): readonly string[] {
  return [
    ...(loginRole
      ? []
      : [`role ${quoteIdent(role)} may not log in itself: ALTER ROLE ${quoteIdent(role)} LOGIN`]),
    ...(writable.length === 0
      ? []
      : [
          `role ${quoteIdent(role)} may do more than read: it can write ${writable.join(', ')} ` +
            `(a superuser, the owner, or by another grant)`,
        ]),
  ];
}
