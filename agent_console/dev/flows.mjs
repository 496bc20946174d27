// The double's flows: three of them, drawn plainly, with counts that move.
import { existsSync, readFileSync } from "node:fs";
const STEPS = {
  main: [
    ["greeting", ["choose_language"]], ["choose_language", ["main_menu", "any_team"]], ["main_menu", ["sales", "support", "find_order", "any_team"]],
    ["find_order", ["order_status", "support"]], ["order_status", ["main_menu", "goodbye"]], ["sales", ["offer_callback"]], ["support", ["offer_callback"]],
    ["any_team", ["offer_callback"]], ["offer_callback", ["goodbye", "voicemail"]], ["voicemail", ["goodbye"]], ["goodbye", []],
  ],
  direct: [["greeting", ["support"]], ["support", []]],
  survey: [["ask_solved", ["ask_words", "thanks"]], ["ask_words", ["thanks"]], ["thanks", []]],
};
/** Pictures that the hub drew, laid beside by whoever wants to see those: FLOW_PICTURES=folder. */
function drawn(name) {
  const folder = process.env.FLOW_PICTURES;
  const file = folder && `${folder}/${name}.svg`;
  return file && existsSync(file) ? readFileSync(file, "utf8") : null;
}

const WIDTH = 170;
const HEIGHT = 52;

function draw(steps) {
  const rank = new Map([[steps[0][0], 0]]);
  for (const [name, next] of steps) for (const to of next) if (!rank.has(to)) rank.set(to, (rank.get(name) ?? 0) + 1);
  const rows = new Map();
  for (const [name] of steps) rows.set(rank.get(name) ?? 0, [...(rows.get(rank.get(name) ?? 0) ?? []), name]);
  const widest = Math.max(...[...rows.values()].map((r) => r.length));
  const whole = { width: widest * (WIDTH + 40) + 40, height: rows.size * (HEIGHT + 60) + 40 };
  const at = new Map();
  for (const [depth, names] of rows) names.forEach((name, n) => at.set(name, { x: (whole.width - names.length * (WIDTH + 40) + 40) / 2 + n * (WIDTH + 40), y: 30 + depth * (HEIGHT + 60) }));
  const edges = steps.flatMap(([name, next]) => next.map((to) => {
    const [a, b] = [at.get(name), at.get(to)];
    const [x1, y1, x2, y2] = [a.x + WIDTH / 2, a.y + HEIGHT, b.x + WIDTH / 2, b.y];
    return `<path class="edge" data-exit="${name} ${to}" d="M${x1} ${y1} C ${x1} ${y1 + 36}, ${x2} ${y2 - 36}, ${x2} ${y2}"/>`;
  }));
  const boxes = steps.map(([name]) => `<g data-step="${name}"><title>${name}</title><rect class="box" x="${at.get(name).x}" y="${at.get(name).y}" width="${WIDTH}" height="${HEIGHT}" rx="9"/><text x="${at.get(name).x + WIDTH / 2}" y="${at.get(name).y + 31}">${name}</text></g>`);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${whole.width}" height="${whole.height}" viewBox="0 0 ${whole.width} ${whole.height}"><style>
    .box{fill:#f5f6f8;stroke:#cfd4de} text{font:600 13px sans-serif;fill:#171a21;text-anchor:middle} .edge{fill:none;stroke:#858d9d;stroke-width:1.4}
    @media (prefers-color-scheme: dark){.box{fill:#1c212a;stroke:#3a4252} text{fill:#eef1f6} .edge{stroke:#6f798b}}
  </style>${edges.join("")}${boxes.join("")}</svg>`;
}

const textOf = (name) => `# The company's ${name} line.\n\nflow: ${name}\nlanguages:\n  en: en-US\n  zh: zh-CN\n\nsteps:\n${STEPS[name]
  .map(([step, next]) => `  ${step}:\n    say:\n      - en: This is ${step.replaceAll("_", " ")}.\n      - zh: 这里是 ${step}。\n${next[0] ? `    next: ${next[0]}\n` : "    end: true\n"}`)
  .join("\n")}`;

export function makeFlows({ now, Refusal }) {
  const DAY = 86_400_000;
  const flows = new Map(Object.keys(STEPS).map((name, n) => [name, {
    name, current: n === 2 ? "s-1" : "3f9a1c2",
    versions: [
      { version: "3f9a1c2", published_at: now() - 2 * DAY, by: "Tom Keller", note: "Orders are looked up before the queue", current: true },
      { version: "b81d0e7", published_at: now() - 19 * DAY, by: "Tom Keller", note: "Callbacks while one waits", current: false },
      { version: "s-1", published_at: null, by: "", note: "", current: false },
    ].slice(n === 2 ? 2 : 0).map((v) => ({ ...v, current: n === 2 || v.current })),
    text: textOf(name),
  }]));
  const whole = (name) => flows.get(name);
  function problemsOf(text) {
    const found = [];
    text.split("\n").forEach((line, n) => {
      const at = line.search(/nowhere|\t/);
      if (at >= 0) found.push({ line: n + 1, column: at + 1, severity: line.includes("\t") ? "warning" : "error", what: line.includes("\t") ? "A tab stands in the indentation." : "The step “nowhere” does not exist.", mend: line.includes("\t") ? "Use two spaces." : "Name a step of this flow, or add it." });
    });
    return found;
  }
  const setCurrent = (flow, version) => Object.assign(flow, { current: version, versions: flow.versions.map((v) => ({ ...v, current: v.version === version })) });
  const admin = (account) => {
    if (account.role !== "admin") throw new Refusal(403, "forbidden");
  };

  return {
    routes: [
      ["GET", /^flows$/, () => [...flows.values()].map((f) => { const v = f.versions.find((x) => x.current); return { name: f.name, version: f.current, published_at: v.published_at, published_by: v.by, steps: STEPS[f.name].length, live: f.name === "main" ? 7 : 0 }; })],
      ["GET", /^flows\/([^/]+)$/, (_, [name]) => whole(name)],
      ["GET", /^flows\/([^/]+)\/counts$/, (_, [name]) => {
        const names = STEPS[name]?.map(([step]) => step) ?? [];
        const beat = Math.floor(now() / 4_000) % 3;
        return { steps: Object.fromEntries(names.map((step, n) => [step, { now: name === "main" ? [0, 1, 3, 1, 0, 0, 2 + beat, 0, 0, 0, 0][n] ?? 0 : 0, today: Math.round(340 / (n + 1)) }])), exits: Object.fromEntries((STEPS[name] ?? []).flatMap(([step, next], n) => next.map((to, k) => [`${step} ${to}`, Math.round(200 / (n + k + 1))]))) };
      }],
      ["POST", /^flows\/check$/, (_, __, ___, { text }) => ({ problems: problemsOf(text) })],
      ["POST", /^flows$/, (account, _, __, { text, note }) => {
        admin(account);
        const problems = problemsOf(text);
        if (problems.some((p) => p.severity === "error")) throw Object.assign(new Refusal(422, "invalid"), { more: { problems } });
        const name = /^flow:\s*(\S+)/m.exec(text)?.[1];
        const flow = whole(name);
        if (!flow) throw new Refusal(422, "invalid", "It has no name that is known.");
        const version = Math.random().toString(16).slice(2, 9);
        flow.versions.unshift({ version, published_at: now(), by: account.name, note, current: true });
        flow.text = text;
        setCurrent(flow, version);
        return { published: [{ name, version, changed: true, used_by: [] }] };
      }],
      ["POST", /^flows\/([^/]+)\/rollback$/, (account, [name], _, { version }) => {
        admin(account);
        setCurrent(whole(name), version);
        return { name, version };
      }],
    ],
    diagram: (name) => drawn(name) ?? (STEPS[name] ? draw(STEPS[name]) : null),
  };
}
