// Calls of the API. Every failure is an ApiError whose document is what the controller said, or says that it did not answer.
import { signal } from "@preact/signals";

import type { ProblemDocument } from "./types.ts";

const ANSWER_MS = 30_000;

export class ApiError extends Error {
  readonly document: ProblemDocument;

  constructor(document: ProblemDocument) {
    super(document.detail);
    this.document = document;
  }

  get status(): number {
    return this.document.status;
  }

  /** True when nobody answered, or something in between did. */
  get away(): boolean {
    return this.status === 0 || this.status === 502 || this.status === 503 || this.status === 504;
  }
}

/** True once the controller asked who we are (401); the page then asks the person. */
export const strange = signal(false);

/** What writes in a session must bring along. */
export const csrf = signal("");

export async function get<T>(path: string, options: { signal?: AbortSignal; ms?: number } = {}): Promise<T> {
  return call<T>("GET", path, undefined, options);
}

export async function post<T>(path: string, body: object = {}, headers: Record<string, string> = {}): Promise<T> {
  return call<T>("POST", path, body, {}, headers);
}

export async function remove<T>(path: string): Promise<T> {
  return call<T>("DELETE", path);
}

async function call<T>(
  method: string,
  path: string,
  body?: object,
  options: { signal?: AbortSignal; ms?: number } = {},
  extra: Record<string, string> = {},
): Promise<T> {
  const timeout = AbortSignal.timeout(options.ms ?? ANSWER_MS);
  const signals = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
  const headers: Record<string, string> = { accept: "application/json", ...extra };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (method !== "GET" && csrf.value) headers["x-csrf-token"] = csrf.value;
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers,
      signal: signals,
      credentials: "same-origin",
      cache: "no-store",
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch (problem) {
    if (options.signal?.aborted) throw problem;
    throw new ApiError(silent(timeout.aborted ? "it did not answer in time" : "it cannot be reached"));
  }
  if (response.ok) return (response.status === 204 ? undefined : await response.json()) as T;
  throw await refused(response);
}

/** The error that an answer is; the page is told when it says that nobody knows us. */
export async function refused(response: Response): Promise<ApiError> {
  const document = await read(response);
  if (document.status === 401) strange.value = true;
  return new ApiError(document);
}

async function read(response: Response): Promise<ProblemDocument> {
  try {
    const found = (await response.json()) as Partial<ProblemDocument>;
    if (typeof found.detail === "string") return { ...silent(""), ...found, status: response.status };
  } catch {
    // No problem document: something between this page and the controller answered.
  }
  return { ...silent(`the answer was ${response.status}`), status: response.status };
}

function silent(detail: string): ProblemDocument {
  return {
    type: "",
    title: "The controller does not answer",
    status: 0,
    code: "no_answer",
    detail: `the controller: ${detail}`,
    hint: "",
    legal: [],
    problems: [],
  };
}

/** What to say of a failure, with the hint. */
export function said(problem: unknown): string {
  if (problem instanceof ApiError) {
    const { detail, hint, legal } = problem.document;
    const ways = legal.length ? `Legal now: ${legal.join(", ")}.` : "";
    return [detail, hint, ways].filter(Boolean).join(". ").replaceAll("..", ".");
  }
  return problem instanceof Error ? problem.message : String(problem);
}
