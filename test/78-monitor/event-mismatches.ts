import { EVENT_SCHEMA } from '../../lib/monitor/event-schema.js';
import type { FieldMeaning } from '../../lib/monitor/event-schema.js';

type Fields = Readonly<Record<string, FieldMeaning>>;

/** Differences between the fields of an event and the schema. */
export function mismatches({ event, ...fields }: Readonly<Record<string, unknown>>): string[] {
  const schemas: Readonly<Record<string, { fields: Fields }>> = EVENT_SCHEMA;
  const name = String(event);
  const schema = schemas[name];
  return schema ? mismatchesOfFields(name, fields, schema.fields) : [`${name} is not described`];
}

function mismatchesOfFields(path: string, values: Readonly<Record<string, unknown>>, fields: Fields): string[] {
  const unknown = Object.keys(values).filter((name) => !(name in fields));
  return [
    ...unknown.map((name) => `${path}.${name} is not described`),
    ...Object.entries(fields).flatMap(([name, field]) => mismatchesOfValue(`${path}.${name}`, values[name], field)),
  ];
}

function mismatchesOfValue(path: string, value: unknown, field: FieldMeaning): string[] {
  if (value === undefined && field.optional) return [];
  if (value === null && field.nullable) return [];
  const received = value === null ? 'null' : typeof value;
  const wrong = [`${path}: expected ${field.type}, received ${received}`];
  switch (field.type) {
    case 'strings':
      return Array.isArray(value) && value.every((item) => typeof item === 'string') ? [] : wrong;
    case 'objects':
      return Array.isArray(value) ? value.flatMap((item) => mismatchesOfObject(path, item, field)) : wrong;
    case 'object':
      return received === 'object' && !Array.isArray(value) ? mismatchesOfObject(path, value, field) : wrong;
    default:
      return received === field.type ? [] : wrong;
  }
}

function mismatchesOfObject(path: string, value: unknown, { fields }: FieldMeaning): string[] {
  const values = value as Readonly<Record<string, unknown>>;
  // An object without named fields contains numbers by name.
  if (fields) return mismatchesOfFields(path, values, fields);
  return Object.entries(values).flatMap(([name, item]) =>
    typeof item === 'number' ? [] : [`${path}.${name}: expected number, received ${typeof item}`],
  );
}
