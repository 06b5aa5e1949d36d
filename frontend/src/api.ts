// The one module that asks the server; typed from the OpenAPI description of its routes.

import createClient from "openapi-fetch";
import type { paths } from "./openapi";

/** A refusal of the server, or no answer at all (status 0), as one sentence. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    sentence: string,
  ) {
    super(sentence);
  }
}

const client = createClient<paths>({
  baseUrl: "",
  headers: { "content-type": "application/json" },
});

/** Called whenever the server says that nobody is signed in any more. */
export function onSignedOut(run: () => void): void {
  signedOut.addEventListener("signed-out", run);
}

const signedOut = new EventTarget();

type Answer<T> = { data?: T; error?: unknown; response: Response };

/** Return the data of an answer. Throws ApiError with the sentence of the server otherwise. */
export async function asked<T>(answer: Promise<Answer<T>>): Promise<T> {
  let got: Answer<T>;
  try {
    got = await answer;
  } catch {
    throw new ApiError(0, "the server does not answer; it may have been stopped");
  }
  if (got.response.ok) return got.data as T;
  throw refusal(got.response.status, got.error);
}

/** Return the bytes of a picture or a table of numbers. */
export async function bytes(path: string, signal?: AbortSignal): Promise<ArrayBuffer> {
  let response: Response;
  try {
    response = await fetch(path, signal ? { signal } : {});
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "the server does not answer; it may have been stopped");
  }
  if (response.ok) return response.arrayBuffer();
  const said: unknown = await response.json().catch(() => null);
  throw refusal(response.status, said);
}

function refusal(status: number, said: unknown): ApiError {
  if (status === 401) signedOut.dispatchEvent(new Event("signed-out"));
  return new ApiError(status, sentenceOf(said, status));
}

function sentenceOf(said: unknown, status: number): string {
  if (said && typeof said === "object" && "sentence" in said) return String(said.sentence);
  return `the server answered ${status}`;
}

export const api = client;
export type Api = typeof client;
