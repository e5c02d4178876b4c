// What both drivers share: where the server is, how a case is reported, and a walk through the hosted pages
// without a browser.

import { randomBytes } from "node:crypto";

/** The one limit on waiting: a run that is not over by then has failed, whatever it was waiting for. */
const OVERALL_TIMEOUT_MS = Number(process.env.SDK_TEST_TIMEOUT_MS ?? 180_000);
/** How much longer a case may take to say what it was waiting for. */
const REPORTING_MS = 3_000;
const MAX_REDIRECTS = 10;

const startedAt = Date.now();

export const timeLeft = () => Math.max(1, OVERALL_TIMEOUT_MS - (Date.now() - startedAt));

/** The server's origin, from `GUESTPASS_URL`. */
export function serverOrigin() {
  const url = process.env.GUESTPASS_URL;
  if (!url) {
    console.log("not ok - GUESTPASS_URL is set\n  it names the server, for example http://localhost:3000");
    process.exit(1);
  }
  return new URL(url).origin;
}

/** A credential nobody has used before, so that runs against one database do not meet. */
export function freshCredential(label) {
  return {
    email: `${label}-${randomBytes(6).toString("hex")}@example.com`,
    password: randomBytes(12).toString("hex"),
  };
}

export function check(condition, message) {
  if (!condition) throw new Error(message);
}

export function equal(actual, expected, what) {
  const [a, e] = [JSON.stringify(actual), JSON.stringify(expected)];
  check(a === e, `${what}: expected ${e}, got ${a}`);
}

export function isGuest(user, sub = user.sub) {
  check(typeof user.sub === "string" && user.sub !== "", "userinfo names a sub");
  equal(user.sub, sub, "sub");
  equal(user.isAnonymous, true, "isAnonymous of a guest");
  equal(user.isVerified, false, "isVerified of a guest");
  equal(user.canReauthenticate, false, "canReauthenticate of a guest");
}

export function isPromoted(user, sub) {
  equal(user.sub, sub, "sub");
  equal(user.isAnonymous, false, "isAnonymous of a promoted user");
  equal(user.canReauthenticate, true, "canReauthenticate of a promoted user");
}

/** What an SDK error says, without the parts that differ from run to run. */
export function describeFailure(error) {
  const { name, reason, message, error: code, error_description: description } = error ?? {};
  return { name, reason, message: message || description, error: code };
}

/** The failure of a promise that must not be kept. */
export async function refusal(promise, what) {
  let value;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`${what}: expected a refusal, got ${JSON.stringify(value)}`);
}

class ScenarioOver extends Error {}

/** Reports cases line by line. A failed case ends its scenario, since the later cases build on it; others still run. */
export class Suite {
  #failed = 0;
  /** Called after a failed case with its name; returns further lines for the report. */
  onFailure = async () => [];

  async scenario(title, body) {
    try {
      check(Date.now() - startedAt < OVERALL_TIMEOUT_MS, "not begun: the limit of the whole run is reached");
      await body((name, check) => this.#run(`${title}: ${name}`, check));
    } catch (error) {
      if (!(error instanceof ScenarioOver)) await this.#report(`${title}: set-up`, error);
    }
  }

  async #run(name, check) {
    let deadline;
    const overdue = new Promise((_, reject) => {
      const late = () => reject(new Error(`not over after ${OVERALL_TIMEOUT_MS} ms, the limit of the whole run`));
      deadline = setTimeout(late, timeLeft() + REPORTING_MS);
    });
    try {
      const value = await Promise.race([check(), overdue]);
      console.log(`ok - ${name}`);
      return value;
    } catch (error) {
      await this.#report(name, error);
      throw new ScenarioOver();
    } finally {
      clearTimeout(deadline);
    }
  }

  async #report(name, error) {
    this.#failed += 1;
    const more = await this.onFailure(name).catch((e) => [String(e)]);
    const lines = [JSON.stringify(describeFailure(error)), error?.stack ?? "", ...more].join("\n");
    console.log(`not ok - ${name}\n${lines.replace(/^/gm, "  ")}`);
  }

  /** Exits at once: whatever an overdue case is still waiting for must not keep the process alive. */
  finish() {
    process.exit(this.#failed === 0 ? 0 : 1);
  }
}

/** Asks the token endpoint or userinfo directly, to see what a stolen or stale credential is still worth. */
export class Endpoints {
  constructor(origin, discovery) {
    this.origin = origin;
    this.discovery = discovery;
  }

  static async discover(origin) {
    const response = await fetch(`${origin}/.well-known/openid-configuration`, {
      signal: AbortSignal.timeout(timeLeft()),
    });
    equal(response.status, 200, "status of discovery");
    const discovery = await response.json();
    for (const name of ["authorization", "token", "userinfo", "revocation", "end_session"]) {
      const endpoint = discovery[`${name}_endpoint`];
      // The API calls go to the origin of `authorization_endpoint`, and cookies and `Origin` checks are per host name.
      equal(endpoint && new URL(endpoint).origin, origin, `origin of ${name}_endpoint, against GUESTPASS_URL`);
    }
    return new Endpoints(origin, discovery);
  }

  async refresh(clientId, refreshToken) {
    const body = new URLSearchParams({
      grant_type: "refresh_token",
      client_id: clientId,
      refresh_token: refreshToken,
    });
    return this.#answer(this.discovery.token_endpoint, { method: "POST", body });
  }

  async userinfo(headers) {
    return this.#answer(this.discovery.userinfo_endpoint, { headers });
  }

  async #answer(url, init) {
    const response = await fetch(url, { ...init, signal: AbortSignal.timeout(timeLeft()) });
    const text = await response.text();
    try {
      return { status: response.status, body: JSON.parse(text) };
    } catch {
      throw new Error(`${url}: status ${response.status}, not JSON: ${text.slice(0, 200)}`);
    }
  }

  /** Everything issued to a guest is worthless after promotion, and the answers do not make an SDK forget its session. */
  async guestTokensAreDead(clientId, { refreshToken, accessToken }) {
    const refreshed = await this.refresh(clientId, refreshToken);
    equal([refreshed.status, refreshed.body.error], [400, "invalid_grant"], "refresh with the guest's refresh token");
    const info = await this.userinfo({ authorization: `Bearer ${accessToken}` });
    equal([info.status, info.body.error], [401, "invalid_token"], "userinfo with the guest's access token");
  }
}

/** An HTTP client that behaves as a browser does towards plain HTML forms: cookies, redirects, `Origin` on a post. */
export class FormBrowser {
  #cookies = new Map();

  /** Follows redirects until a page, or until an address that starts with `stopAt`. */
  async #go(url, init, stopAt) {
    for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
      const headers = { ...init.headers, accept: "text/html", ...this.#cookieHeader(url) };
      const response = await fetch(url, {
        ...init,
        headers,
        redirect: "manual",
        signal: AbortSignal.timeout(timeLeft()),
      });
      response.headers.getSetCookie().forEach((line) => this.#keep(url, line));
      if (response.status < 300 || response.status >= 400) return this.#page(url, response);
      const location = response.headers.get("location");
      await response.arrayBuffer();
      if (location.startsWith(stopAt)) return { arrived: location };
      // After 303 (and, for a post, 302) a browser goes on with GET and no body.
      init = {};
      url = new URL(location, url).href;
    }
    throw new Error(`more than ${MAX_REDIRECTS} redirects, last to ${url}`);
  }

  open(url, stopAt) {
    return this.#go(url, {}, stopAt);
  }

  /** Fills in the page's form and sends it. */
  submit(page, fields, stopAt) {
    const inputs = new URLSearchParams(page.hidden);
    for (const [name, value] of Object.entries(fields)) {
      check(page.inputs.includes(name), `the page at ${page.url} has no input named ${name}`);
      inputs.set(name, value);
    }
    const headers = { origin: new URL(page.url).origin, "content-type": "application/x-www-form-urlencoded" };
    return this.#go(page.action, { method: "POST", body: inputs.toString(), headers }, stopAt);
  }

  async #page(url, response) {
    const html = await response.text();
    const form = /<form\b([^>]*)>([\s\S]*?)<\/form>/i.exec(html);
    const alert = /<(\w+)[^>]*\brole="?alert"?[^>]*>([\s\S]*?)<\/\1>/i.exec(html)?.[2];
    const shown = `${url}: status ${response.status}: ${html.slice(0, 300)}`;
    const tags = [...(form?.[2] ?? "").matchAll(/<input\b[^>]*>/gi)].map(([tag]) => tag);
    const hidden = tags.filter((tag) => attribute(tag, "type") === "hidden");
    return {
      url,
      shown,
      status: response.status,
      alert,
      action: form && new URL(attribute(form[1], "action") ?? "", url).href,
      inputs: tags.map((tag) => attribute(tag, "name")),
      hidden: hidden.map((tag) => [attribute(tag, "name"), attribute(tag, "value") ?? ""]),
    };
  }

  #keep(url, line) {
    const [pair, ...attributes] = line.split(";").map((part) => part.trim());
    const name = pair.slice(0, pair.indexOf("="));
    const settings = new Map(attributes.map((part) => [part.split("=")[0].toLowerCase(), part.split("=")[1]]));
    const path = settings.get("path") ?? new URL(".", url).pathname;
    const gone = settings.get("max-age") <= 0 || new Date(settings.get("expires")) <= new Date();
    const key = `${name};${path}`;
    if (gone) this.#cookies.delete(key);
    else this.#cookies.set(key, { pair, path });
  }

  #cookieHeader(url) {
    const { pathname } = new URL(url);
    const sent = [...this.#cookies.values()].filter(({ path }) =>
      `${pathname}/`.startsWith(path.replace(/\/?$/, "/")),
    );
    return sent.length === 0 ? {} : { cookie: sent.map(({ pair }) => pair).join("; ") };
  }
}

function attribute(tag, name) {
  const match = new RegExp(`(?:^|\\s)${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)'|([^\\s"'>]+))`, "i").exec(tag);
  const value = match && (match[1] ?? match[2] ?? match[3]);
  const entities = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
  return value
    ?.replace(/&#x([0-9a-f]+);/gi, (_, digits) => String.fromCodePoint(parseInt(digits, 16)))
    .replace(/&#(\d+);/g, (_, digits) => String.fromCodePoint(Number(digits)))
    .replace(/&(amp|lt|gt|quot|apos);/g, (_, entity) => entities[entity]);
}
