import { defineStore } from "pinia";
import { computed, ref, shallowRef } from "vue";
import { ApiError, get, post, remove, type ConsoleSettings, type Me } from "@/api/rest";
import { followAccount, i18n } from "@/i18n";

/** Who is signed in, and what the hub is set up with. */
export const useSession = defineStore("session", () => {
  const me = shallowRef<Me | null>(null);
  const settings = shallowRef<ConsoleSettings>({
    queues: [],
    dispositions: [],
    reasons: [],
    heartbeat_ms: 25_000,
    time_zone: "UTC",
  });
  /** Why the sign-in page is shown again, if so. */
  const ended = ref(false);
  const known = ref(false);

  async function entered(who: Me): Promise<void> {
    me.value = who;
    ended.value = false;
    await followAccount(who.locale);
    settings.value = await get<ConsoleSettings>("console");
  }

  /** Is there a session? Asked once, at start. */
  async function resume(): Promise<boolean> {
    try {
      await entered((await get<{ me: Me }>("session")).me);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
    known.value = true;
    return me.value !== null;
  }

  async function signIn(email: string, password: string): Promise<void> {
    await entered((await post<{ me: Me }>("session", { email, password })).me);
  }

  async function signOut(): Promise<void> {
    await remove("session").catch(() => undefined);
    me.value = null;
  }

  function lost(): void {
    if (!me.value) return;
    me.value = null;
    ended.value = true;
  }

  async function stillSignedIn(): Promise<boolean> {
    try {
      await get("session");
      return true;
    } catch (error) {
      return !(error instanceof ApiError && error.status === 401);
    }
  }

  const supervises = computed(() => me.value?.role === "supervisor" || me.value?.role === "admin");

  function nameIn(list: { id: string; name: string; name_zh?: string }[], id: string): string {
    const found = list.find((item) => item.id === id);
    if (!found) return id;
    return (i18n.global.locale.value === "zh" && found.name_zh) || found.name;
  }
  /** A reason of the house's list, or one that the hub itself gives. */
  function reasonName(id: string): string {
    const own = `state.reason.${id}`;
    return i18n.global.te(own, "en") && !settings.value.reasons.some((one) => one.id === id) ? i18n.global.t(own) : nameIn(settings.value.reasons, id);
  }
  const queueName = (id: string): string => nameIn(settings.value.queues, id);
  const intentName = (id: string): string => nameIn(settings.value.intents ?? [], id);
  const dispositionName = (id: string): string => nameIn(settings.value.dispositions, id);

  return { me, settings, ended, known, supervises, resume, signIn, signOut, lost, stillSignedIn, reasonName, queueName, dispositionName, intentName };
});
