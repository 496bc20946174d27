import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocket as Client } from "ws";
import type { DeskState, WorkView } from "@/api/generated/wire";
import { LiveSocket, type CommandError, type SocketLike } from "@/live/socket";
import { makeDouble, type Double } from "../dev/double.mjs";

let double: Double;
let base: string;
let cookie: string;
let desk: DeskState | null;
let seen: (() => void)[];
let socket: LiveSocket;

beforeEach(async () => {
  double = makeDouble({ pace: 0.02 });
  base = `http://127.0.0.1:${await double.listen()}`;
  const answer = await fetch(`${base}/api/v1/session`, { method: "POST", body: JSON.stringify({ email: "mei@demo.example", password: "demo" }) });
  cookie = answer.headers.get("set-cookie")!.split(";")[0]!;
  desk = null;
  seen = [];
  const quiet = () => undefined;
  socket = new LiveSocket(
    {
      open: () => new Client(`${base.replace("http", "ws")}/agent`, { headers: { cookie } }) as unknown as SocketLike,
      now: () => Date.now(), random: () => 0.5, newId: () => crypto.randomUUID(), after: (ms, what) => { const timer = setTimeout(what, ms); return () => clearTimeout(timer); },
      signedIn: async () => true,
    },
    { status: quiet, floor: quiet, typing: quiet, channel: quiet, clock: quiet, desk: (next) => { desk = next; for (const one of seen.splice(0)) one(); } },
  );
  socket.start();
  await until(() => desk !== null);
});
afterEach(async () => {
  socket.stop();
  await double.close();
});

async function until(true_: () => boolean): Promise<void> {
  while (!true_()) await new Promise<void>((resolve) => seen.push(resolve));
}
const call = (): WorkView => desk!.work.find((w) => w.medium === "voice")!;
const ask = (name: string, args: object = {}) => socket.command(name, { interaction_id: call().interaction_id, ...args });

describe("a call, as the desk sees it", () => {
  it("is recorded only when the provider has said so", async () => {
    await ask("record", { what: "pause" });
    expect(call().line!.recording).toBe("pausing");
    await until(() => call().line!.recording === "paused");
  });
  it("waits while a colleague is asked, and is handed over to them", async () => {
    const { party_id } = (await ask("add_party", { to: "agent:ag-1", purpose: "consult" })) as { party_id: string };
    expect(call().line).toMatchObject({ held: true, parties: [{ id: party_id, name: "Jonas Okafor", state: "calling" }] });
    await expect(ask("complete_transfer", { party_id })).rejects.toMatchObject({ code: "not_there_yet" });
    await until(() => call().line!.parties[0]!.state === "joined");
    await ask("complete_transfer", { party_id });
    expect(call()).toMatchObject({ state: "wrap_up", call: "ended", wrap_up_mode: "mandatory" });
  });
  it("that nobody answers ends in wrap-up", async () => {
    await ask("hang_up");
    const { interaction_id } = (await socket.command("place_call", { number: "+441632960000" })) as { interaction_id: string };
    const work = (): WorkView => desk!.work.find((w) => w.interaction_id === interaction_id)!;
    expect(work()).toMatchObject({ direction: "outbound", call: "connecting", line: { number: "+441632960000" } });
    await until(() => work().call === "ringing");
    await until(() => work().state === "wrap_up");
  });
  it("to a number that policy forbids is refused in words", async () => {
    const refused = await socket.command("place_call", { number: "+19005550199" }).catch((error: CommandError) => error);
    expect(refused).toMatchObject({ code: "dialling_kind", message: "Calls to numbers of this kind (premium rate) are not allowed here." });
  });
});
