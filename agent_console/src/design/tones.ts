/** The tone that a state of an agent is shown in; a word always stands beside it. */
export const STATE_TONE: Record<string, string> = {
  ready: "tone-ready",
  reserved: "tone-busy",
  busy: "tone-busy",
  wrap_up: "tone-wrap",
  not_ready: "tone-away",
  offline: "tone-away",
};
