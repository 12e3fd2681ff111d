/**
 * Zip archives. fflate inflates but does not compare checksums, so a flipped bit could pass as another rating; the
 * checksums are read from the central directory here and every extracted file is held to its own.
 */
import { unzipSync } from "fflate";
import { at } from "./at.js";
import { DataError } from "./table.js";

/** More than the largest MovieLens table unpacked; beyond it, an archive is taken for a zip bomb. */
const largestFile = 1_000_000_000;

export function isZip(bytes: Uint8Array): boolean {
  return (
    bytes.length >= 4 &&
    bytes[0] === 0x50 &&
    bytes[1] === 0x4b &&
    (bytes[2] === 3 || bytes[2] === 5)
  );
}

/** The wanted files by their name without folders. Throws `DataError` when the archive is damaged. */
export function unzip(
  bytes: Uint8Array,
  wanted: (name: string) => boolean,
): Map<string, Uint8Array> {
  const checksums = new Map(listEntries(bytes).map((entry) => [entry.path, entry.crc]));
  let files: Record<string, Uint8Array>;
  try {
    files = unzipSync(bytes, {
      filter: ({ name, originalSize }) => {
        if (!wanted(baseName(name))) return false;
        if (originalSize > largestFile)
          throw new DataError(`${baseName(name)} in the archive is larger than 1 GB.`);
        return true;
      },
    });
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw damaged();
  }
  const result = new Map<string, Uint8Array>();
  for (const [path, content] of Object.entries(files)) {
    if (crc32(content) !== checksums.get(path)) throw damaged(baseName(path));
    result.set(baseName(path), content);
  }
  return result;
}

/** Names of all files in the archive, without folders. */
export function listNames(bytes: Uint8Array): string[] {
  return listEntries(bytes)
    .filter(({ path }) => !path.endsWith("/") && !path.startsWith("__MACOSX/"))
    .map(({ path }) => baseName(path));
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function damaged(file?: string): DataError {
  return new DataError(
    `The zip archive is damaged${file === undefined ? "" : ` (${file} does not match its checksum)`}. Download it again.`,
  );
}

/** The central directory: APPNOTE.TXT 4.3.12, found through the end record, 4.3.16. */
function listEntries(bytes: Uint8Array): { path: string; crc: number }[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = new TextDecoder();
  try {
    let end = bytes.length - 22;
    while (view.getUint32(end, true) !== 0x06054b50) end--;
    const count = view.getUint16(end + 10, true);
    let offset = view.getUint32(end + 16, true);
    const entries = [];
    for (let k = 0; k < count; k++) {
      if (view.getUint32(offset, true) !== 0x02014b50) throw damaged();
      const nameLength = view.getUint16(offset + 28, true);
      const path = text.decode(bytes.subarray(offset + 46, offset + 46 + nameLength));
      entries.push({ path, crc: view.getUint32(offset + 16, true) });
      offset +=
        46 + nameLength + view.getUint16(offset + 30, true) + view.getUint16(offset + 32, true);
    }
    return entries;
  } catch {
    // A read outside the file: the directory is missing or points nowhere.
    throw damaged();
  }
}

let table: Uint32Array | undefined;

function crc32(bytes: Uint8Array): number {
  table ??= Uint32Array.from({ length: 256 }, (_, n) => {
    let value = n;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
    return value;
  });
  let crc = 0xffffffff;
  for (const byte of bytes) crc = at(table, (crc ^ byte) & 255) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
