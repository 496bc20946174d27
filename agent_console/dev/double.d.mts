/** For the tests; the double itself is plain JavaScript. */
export interface Double {
  listen(port?: number): Promise<number>;
  close(): Promise<void>;
  act(name: string, args?: Record<string, unknown>): unknown;
}
export function makeDouble(options?: { now?: () => number; seed?: boolean; pace?: number }): Double;
