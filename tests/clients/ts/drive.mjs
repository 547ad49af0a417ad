// Drives one server through the official TypeScript client of an era, feature by feature.
//
//   node drive.mjs URL PROFILE ERA
//
// Prints a JSON line for each feature ({feature, ok, detail}; `ok` is null where the profile, an entry of
// profiles.json, says that the server has no such thing). Exit code 1 if a feature fails. ERA is `legacy` or `modern`;
// what an era does not have at all is left out. Runs from the folder that has its packages.

import { readFileSync } from "node:fs";
import { Absent } from "./features.mjs";

const ERAS = ["legacy", "modern"];

const read = (name) => JSON.parse(readFileSync(new URL(name, import.meta.url)));
const [url, name, era] = process.argv.slice(2);
const profile = read("profiles.json")[name];
if (!url || !profile || !ERAS.includes(era)) {
  console.error(`usage: node drive.mjs URL PROFILE ERA, a profile of profiles.json, an era of ${ERAS}`);
  process.exit(2);
}

function report(feature, ok, detail) {
  console.log(JSON.stringify({ feature, ok, detail }));
  return ok !== false;
}

async function drive(feature, run) {
  try {
    return report(feature, true, await run());
  } catch (error) {
    if (error instanceof Absent) return report(feature, null, error.message);
    return report(feature, false, String(error?.message ?? error));
  }
}

const { Driver } = await import(`./${era}.mjs`);
const driver = new Driver(url, profile);
let failed = !(await drive("connect", () => driver.connect()));
if (!failed) {
  for (const row of Object.keys(read("rows.json"))) {
    if (row === "connect" || !driver[row]) continue;
    failed = !(await drive(row, () => driver[row]())) || failed;
  }
}
await driver.client.close().catch(() => {});
process.exit(failed ? 1 : 0);
