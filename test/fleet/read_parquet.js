// SPDX-License-Identifier: Apache-2.0
//
// Reads a Parquet file by a program that is not ours, and prints it: a line with the columns' names
// and types, then a line a row, each cell a text or null. Times are ns since 1970, booleans 0 or 1.
//
// usage: read_parquet.js duckdb|hyparquet|parquet-wasm FILE
const fs = require('fs');
const path = require('path');
const [reader, file] = process.argv.slice(2);

const text = (cell) => {
  if (cell === null || cell === undefined) return null;
  return typeof cell === 'boolean' ? (cell ? '1' : '0') : String(cell);
};
const print = (line) => process.stdout.write(JSON.stringify(line) + '\n');

// A package that is a module only, which import() does not look for in NODE_PATH.
function load(name) {
  const folder = path.join(process.env.NODE_PATH, name);
  const { main } = JSON.parse(fs.readFileSync(path.join(folder, 'package.json')));
  return import(path.join(folder, main));
}

async function duckdb() {
  const { DuckDBInstance } = require('@duckdb/node-api');
  const db = await (await DuckDBInstance.create(':memory:')).connect();
  const from = `read_parquet('${file}', hive_partitioning = false)`;
  const columns = (await (await db.run(`describe select * from ${from}`)).getRows())
    .map(([name, type]) => [name, type]);
  print(columns);
  const cells = columns.map(([name, type]) => {
    if (type === 'TIMESTAMP_NS') return `cast(epoch_ns("${name}") as varchar)`;
    return type === 'BOOLEAN' ? `cast(cast("${name}" as integer) as varchar)`
                              : `cast("${name}" as varchar)`;
  });
  const result = await db.run(`select ${cells.join(', ')} from ${from}`);
  for (const row of await result.getRows()) print(row.map(text));
}

async function hyparquet() {
  const { parquetMetadata, parquetReadObjects } = await load('hyparquet');
  const { compressors } = await load('hyparquet-compressors');
  const bytes = fs.readFileSync(file);
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const types = parquetMetadata(buffer).schema.slice(1).map((column) => {
    const type = column.logical_type;
    if (!type) return [column.name, column.type];
    return [column.name, type.type === 'INTEGER' ? `${type.isSigned ? 'INT' : 'UINT'}${type.bitWidth}`
      : type.type === 'TIMESTAMP' ? `TIMESTAMP ${type.unit}` : type.type];
  });
  print(types);
  // A Date has milliseconds only.
  const parsers = { timestampFromNanoseconds: (ns) => ns };
  for (const row of await parquetReadObjects({ file: buffer, compressors, parsers }))
    print(types.map(([name]) => text(row[name])));
}

async function parquetWasm() {
  const { readParquet } = require('parquet-wasm/node');
  const { tableFromIPC } = require('apache-arrow');
  const table = tableFromIPC(readParquet(fs.readFileSync(file)).intoIPCStream());
  const types = table.schema.fields.map((field) => [field.name, String(field.type)]);
  print(types);
  for (const batch of table.batches) {
    const columns = types.map(([name, type]) => {
      const vector = batch.getChild(name);
      // What get() gives of a time has milliseconds only.
      if (!type.startsWith('Timestamp')) return (row) => text(vector.get(row));
      const { values } = vector.data[0];
      return (row) => (vector.isValid(row) ? String(values[row]) : null);
    });
    for (let row = 0; row < batch.numRows; ++row) print(columns.map((cell) => cell(row)));
  }
}

const readers = { duckdb, hyparquet, 'parquet-wasm': parquetWasm };
readers[reader]().catch((fault) => {
  console.error(String(fault.stack ?? fault));
  process.exit(1);
});
