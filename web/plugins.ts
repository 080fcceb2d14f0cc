import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

import type { Plugin } from "vite";

const COMPRESSIBLE = /\.(?:html|js|css|svg|txt)$/;
const SMALL_BYTES = 512;
const LICENCE_FILES = ["LICENSE", "LICENSE.md", "LICENSE.txt", "license"];

/** Puts a small classic script into the head, so that it runs before the page is painted. */
export function firstScript(path: string): Plugin {
  const source = readFileSync(path, "utf8");
  const name = `assets/first-${createHash("sha256").update(source).digest("hex").slice(0, 8)}.js`;
  return {
    name: "first-script",
    apply: "build",
    generateBundle() {
      this.emitFile({ type: "asset", fileName: name, source });
    },
    transformIndexHtml: () => [{ tag: "script", attrs: { src: `/${name}` }, injectTo: "head-prepend" }],
  };
}

/** Writes licences.txt: the terms of everything that ends up in the built files. */
export function licences(): Plugin {
  return {
    name: "licences",
    apply: "build",
    generateBundle() {
      const { dependencies } = JSON.parse(readFileSync("package.json", "utf8")) as {
        dependencies: Record<string, string>;
      };
      const names = [...Object.keys(dependencies), "@preact/signals-core"].sort();
      this.emitFile({ type: "asset", fileName: "licences.txt", source: names.map(licence).join("\n\n") });
    },
  };
}

function licence(name: string): string {
  const folder = join("node_modules", name);
  const about = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { version: string; license: string };
  const file = LICENCE_FILES.map((each) => join(folder, each)).find((each) => existsSync(each));
  if (file === undefined) throw new Error(`${name} has no licence file`);
  return `${name} ${about.version} (${about.license})\n\n${readFileSync(file, "utf8").trim()}\n`;
}

/** Writes a gzipped twin beside every text file that gains by it. */
export function compressed(): Plugin {
  let folder = "";
  return {
    name: "compressed",
    apply: "build",
    configResolved: (config) => void (folder = config.build.outDir),
    closeBundle() {
      for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
        const path = join(entry.parentPath, entry.name);
        if (!entry.isFile() || !COMPRESSIBLE.test(entry.name)) continue;
        const body = readFileSync(path);
        if (body.length > SMALL_BYTES) writeFileSync(`${path}.gz`, gzipSync(body, { level: 9 }));
      }
    },
  };
}
