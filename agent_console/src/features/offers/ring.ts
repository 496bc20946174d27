/** An offer rings in its channel's voice: a soft figure of tones, made here, nothing to load. */
import { onBeforeUnmount, watch } from "vue";
import { useI18n } from "vue-i18n";
import { useRouter } from "vue-router";
import { ringing } from "@/design/prefs";
import { toast } from "@/design/toasts";
import { useWords } from "@/i18n/words";
import { useLive } from "@/live/store";
import { useTaking } from "./taking";

/** Frequencies in Hz, one after another. A call asks more loudly than a letter. */
const FIGURES: Record<string, { notes: number[]; gain: number; stepS: number }> = {
  voice: { notes: [659, 784, 659, 784], gain: 0.09, stepS: 0.16 },
  chat: { notes: [880, 1109], gain: 0.06, stepS: 0.13 },
  sms: { notes: [740, 740, 988], gain: 0.06, stepS: 0.11 },
  email: { notes: [523, 659], gain: 0.05, stepS: 0.2 },
  other: { notes: [587, 698], gain: 0.05, stepS: 0.18 },
};
const AGAIN_MS = 3_000;

let audio: AudioContext | null = null;

function play(medium: string): void {
  if (ringing.value === "off") return;
  audio ??= new AudioContext();
  // Browsers keep it suspended until the person has touched the page once.
  if (audio.state === "suspended") void audio.resume();
  const { notes, gain, stepS } = FIGURES[medium] ?? FIGURES["other"]!;
  const start = audio.currentTime + 0.02;
  notes.forEach((hertz, place) => tone(audio!, hertz, start + place * stepS, stepS * 1.8, gain));
}

function tone(context: AudioContext, hertz: number, at: number, lasts: number, loud: number): void {
  const source = context.createOscillator();
  const level = context.createGain();
  source.type = "sine";
  source.frequency.value = hertz;
  level.gain.setValueAtTime(0, at);
  level.gain.linearRampToValueAtTime(loud, at + 0.02);
  level.gain.exponentialRampToValueAtTime(0.0001, at + lasts);
  source.connect(level).connect(context.destination);
  source.start(at);
  source.stop(at + lasts);
}

/** Rings while anything is offered, says so in the tab's title, and tells of an offer that went away by itself. */
export function useRinging(): void {
  const live = useLive();
  const { t } = useI18n();
  const { who } = useWords();
  const { asked } = useTaking();
  const router = useRouter();
  let timer: ReturnType<typeof setInterval> | undefined;

  function round(): void {
    const first = live.offers.find((o) => o.deadline_at > live.now);
    if (first && live.live) play(first.medium);
  }

  watch(
    () => live.offers.map((o) => o.id).join(),
    (ids, before) => {
      clearInterval(timer);
      const count = live.offers.length;
      document.title = count ? `(${count}) ${who(live.offers[0]!.customer)} · ${t("app.name")}` : t("app.name");
      if (!count) return;
      if (ids.length > (before ?? "").length) round();
      timer = setInterval(round, AGAIN_MS);
    },
    { immediate: true },
  );

  const names = new Map<string, string>();
  const byThemselves = new Set<string>();
  watch(
    () => live.offers,
    (offers) =>
      offers.forEach((o) => {
        names.set(o.id, who(o.customer));
        if (o.answers_itself_at) byThemselves.add(o.id);
      }),
    { immediate: true },
  );
  const stop = live.hear((announced) => {
    if (announced?.kind !== "offer.over") return;
    const name = names.get(announced.offer_id);
    names.delete(announced.offer_id);
    const byItself = byThemselves.delete(announced.offer_id);
    if (!name) return;
    if (announced.outcome === "accepted" && byItself && !asked.has(announced.offer_id)) {
      toast(t("offer.cameByItself", { who: name }));
      void router.push({ name: "desk", params: { interaction: announced.interaction_id } });
    }
    if (announced.outcome === "expired") toast(t("offer.missed", { who: name }), "danger");
    if (announced.outcome === "rescinded" && announced.by) {
      toast(t("offer.wasFirst", { who: name, agent: announced.by }));
    } else if (announced.outcome === "cancelled" || announced.outcome === "rescinded") {
      toast(t("offer.gone", { outcome: t(`offer.goneOutcome.${announced.outcome}`) }));
    }
  });

  onBeforeUnmount(() => {
    clearInterval(timer);
    stop();
  });
}
