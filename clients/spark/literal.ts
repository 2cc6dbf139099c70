import { create } from '@bufbuild/protobuf';
import {
  ExpressionSchema,
  type Expression,
  type Expression_Literal,
} from './gen/spark/connect/expressions_pb.js';
import { RelationSchema, type Relation } from './gen/spark/connect/relations_pb.js';
import { DataTypeSchema } from './gen/spark/connect/types_pb.js';

/** A value of a named parameter (`:name`) of a query. */
export type SparkValue = string | number | bigint | boolean | Uint8Array | null;

const NULL_TYPE = create(DataTypeSchema, { kind: { case: 'null', value: {} } });

function literalType(value: SparkValue): Expression_Literal['literalType'] {
  if (value === null) return { case: 'null', value: NULL_TYPE };
  if (typeof value === 'bigint') return { case: 'long', value };
  if (typeof value === 'boolean') return { case: 'boolean', value };
  if (typeof value === 'number')
    return Number.isSafeInteger(value) ? { case: 'long', value: BigInt(value) } : { case: 'double', value };
  if (typeof value === 'string') return { case: 'string', value };
  return { case: 'binary', value };
}

function literal(value: SparkValue): Expression {
  return create(ExpressionSchema, {
    exprType: { case: 'literal', value: { literalType: literalType(value) } },
  });
}

/** A query with its named parameters, as Spark Connect wants it; values never become part of the text. */
export function sqlRelation(query: string, values: Readonly<Record<string, SparkValue>> = {}): Relation {
  const namedArguments = Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, literal(value)]),
  );
  return create(RelationSchema, {
    common: { planId: 1n },
    relType: { case: 'sql', value: { query, namedArguments } },
  });
}

/** A read of a data source with its options, which so need no quoting. `predicates`: one JDBC partition each. */
export function sourceRelation(
  format: string,
  options: Readonly<Record<string, string>>,
  predicates: readonly string[] = [],
): Relation {
  return create(RelationSchema, {
    common: { planId: 1n },
    relType: {
      case: 'read',
      value: {
        readType: {
          case: 'dataSource',
          value: { format, options: { ...options }, predicates: [...predicates] },
        },
      },
    },
  });
}
