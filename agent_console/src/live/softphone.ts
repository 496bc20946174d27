/**
 * The browser as a telephone: the provider's SDK behind the few words that the console uses. Loaded only where the
 * hub gives a token. Errors are told by a word of ours (docs/console.md, "The telephone").
 */
import { Device, type Call } from "@twilio/voice-sdk";
import { troubleOf, type PhoneTrouble } from "./trouble";

export interface SoftphoneListener {
  /** Calls can reach us (or not just now). */
  registered(yes: boolean): void;
  /** A leg rings; it is answered by `answer`. */
  rings(from: string): void;
  /** The leg is up, or over. */
  talking(yes: boolean): void;
  muted(yes: boolean): void;
  trouble(what: PhoneTrouble, message: string): void;
  /** The token ends soon: give another one to `renew`. */
  ending(): void;
}

/** The provider's own sounds come from elsewhere, which the page's policy forbids; the console rings by itself. */
const SILENT = "/assets/silence.wav";
const SOUNDS = ["incoming", "outgoing", "disconnect", ..."0123456789sh"].map((s) => (s.length === 1 ? `dtmf${s}` : s));
const RENEW_BEFORE_MS = 60_000;

export class Softphone {
  private readonly device: Device;
  private call: Call | null = null;

  constructor(
    token: string,
    private readonly listener: SoftphoneListener,
  ) {
    this.device = new Device(token, {
      appName: "contact-center-console",
      logLevel: "error",
      tokenRefreshMs: RENEW_BEFORE_MS,
      closeProtection: false,
      sounds: Object.fromEntries(SOUNDS.map((name) => [name, SILENT])),
    });
    this.device.on("registered", () => listener.registered(true));
    this.device.on("unregistered", () => listener.registered(false));
    this.device.on("tokenWillExpire", () => listener.ending());
    this.device.on("error", (error: { code?: number; message?: string }) => listener.trouble(troubleOf(error), error.message ?? ""));
    this.device.on("incoming", (call: Call) => this.rings(call));
  }

  async start(): Promise<void> {
    if (!Device.isSupported) return this.listener.trouble("unsupported", "");
    await this.device.register().catch((error: { code?: number; message?: string }) => this.listener.trouble(troubleOf(error), error.message ?? ""));
  }

  stop(): void {
    this.call = null;
    this.device.destroy();
  }

  renew(token: string): void {
    this.device.updateToken(token);
  }

  answer(): void {
    this.call?.accept();
  }

  decline(): void {
    this.call?.reject();
  }

  mute(on: boolean): void {
    this.call?.mute(on);
  }

  keys(digits: string): void {
    this.call?.sendDigits(digits);
  }

  /** Empty chooses the system's own. A device that is gone leaves the choice as it was. */
  async use(kind: "in" | "out", id: string): Promise<void> {
    const { audio } = this.device;
    if (!audio) return;
    if (kind === "out") return audio.isOutputSelectionSupported ? audio.speakerDevices.set(id || "default") : undefined;
    return id ? audio.setInputDevice(id) : audio.unsetInputDevice();
  }

  private rings(call: Call): void {
    this.call = call;
    const over = (): void => {
      if (this.call === call) this.call = null;
      this.listener.talking(false);
    };
    call.on("accept", () => this.listener.talking(true));
    call.on("disconnect", over);
    call.on("cancel", over);
    call.on("reject", over);
    call.on("mute", (on: boolean) => this.listener.muted(on));
    call.on("error", (error: { code?: number; message?: string }) => this.listener.trouble(troubleOf(error), error.message ?? ""));
    this.listener.rings(call.parameters["From"] ?? "");
  }
}
