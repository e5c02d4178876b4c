// Drives the unmodified `@authgear/web` in headless Chromium against a running server.

import { existsSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import {
  check,
  Endpoints,
  equal,
  freshCredential,
  isGuest,
  isPromoted,
  refusal,
  serverOrigin,
  Suite,
  timeLeft,
} from "./lib.mjs";

const CLIENT_ID = "web";
const SDK_BUNDLE = fileURLToPath(new URL("./node_modules/@authgear/web/dist/authgear-web.iife.js", import.meta.url));
const REFRESH_TOKEN_KEY = "authgear_default_refreshToken";
const BROWSER_ARGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const origin = serverOrigin();
const APP_PATH = "/blank-for-test";
const REDIRECT_PATH = "/after-promote";
const REDIRECT_URI = `${origin}${REDIRECT_PATH}`;
const suite = new Suite();
// The browser is not started when the folder for temporary files is missing.
mkdirSync(tmpdir(), { recursive: true });

function browserPath() {
  const named = process.env.CHROMIUM;
  const found =
    named ??
    process.env.PATH.split(delimiter)
      .map((folder) => join(folder, "chromium"))
      .find((file) => existsSync(file));
  check(found, "no Chromium: name one in CHROMIUM, or put `chromium` on PATH");
  return found;
}

/** One browser tab of an application that uses the SDK. */
class Tab {
  static async open(context, sessionType) {
    const tab = new Tab();
    tab.sessionType = sessionType;
    tab.page = await context.newPage();
    await tab.#serveAppPages(context);
    await tab.load(APP_PATH);
    return tab;
  }

  // The application's own pages are answered here and not by the server, so that only the SDK acts on them. This
  // goes past the routing of Playwright because that does not see requests that a redirect leads to.
  async #serveAppPages(context) {
    const devtools = await context.newCDPSession(this.page);
    const body = Buffer.from("<!doctype html><title>application under test</title>").toString("base64");
    devtools.on("Fetch.requestPaused", ({ requestId }) => {
      const responseHeaders = [{ name: "content-type", value: "text/html; charset=utf-8" }];
      // A tab that is being closed no longer takes an answer.
      devtools
        .send("Fetch.fulfillRequest", { requestId, responseCode: 200, responseHeaders, body })
        .catch(() => undefined);
    });
    // An unescaped question mark would stand for any character.
    const addresses = [APP_PATH, REDIRECT_PATH, "/"].flatMap((path) => [`${origin}${path}`, `${origin}${path}\\?*`]);
    const patterns = addresses.map((urlPattern) => ({
      urlPattern,
      resourceType: "Document",
      requestStage: "Request",
    }));
    await devtools.send("Fetch.enable", { patterns });
  }

  async load(path) {
    await this.page.goto(`${origin}${path}`);
    await this.startSdk();
  }

  async startSdk() {
    await this.page.addScriptTag({ path: SDK_BUNDLE });
    await this.call("configure", { clientID: CLIENT_ID, endpoint: origin, sessionType: this.sessionType });
  }

  async reload() {
    await this.page.reload();
    await this.startSdk();
  }

  /** Calls a method of the SDK; its failure comes back with the fields an application would look at. */
  async call(method, ...args) {
    const { value, failure } = await this.page.evaluate(callSdk, { method, args });
    if (failure) throw Object.assign(new Error(`${method}: ${failure.message}`), failure);
    return value;
  }

  /** Calls a method of the SDK that ends by leaving the page, and waits for the page it leads to. */
  async leaveBy(method, ...args) {
    const here = new URL(this.page.url()).pathname;
    const left = this.page.waitForURL((url) => url.pathname !== here);
    // The navigation may take away the page before the call is seen to return.
    const stayed = this.page.evaluate(callSdk, { method, args }).catch(() => ({}));
    left.catch(() => undefined);
    const { failure } = await stayed;
    if (failure) throw Object.assign(new Error(`${method}: ${failure.message}`), failure);
    await left;
  }

  get storedRefreshToken() {
    return this.page.evaluate((key) => localStorage.getItem(key), REFRESH_TOKEN_KEY);
  }

  get sdk() {
    return this.page.evaluate(() => ({
      state: authgear.default.sessionState,
      accessToken: authgear.default.accessToken,
    }));
  }

  async startPromotion() {
    await this.leaveBy("startPromoteAnonymousUser", { redirectURI: REDIRECT_URI, state: "the app's" });
    await this.page.getByRole("button", { name: "Sign up", exact: true }).waitFor();
  }

  /** Sends the form and waits for the answer's page; an alert of the page before must not be taken for the answer. */
  async send(button, { email, password }) {
    await this.page.getByLabel("Email", { exact: true }).fill(email);
    await this.page.getByLabel("Password", { exact: true }).fill(password);
    const answered = this.page.waitForEvent("framenavigated", (frame) => frame === this.page.mainFrame());
    await Promise.all([answered, this.page.getByRole("button", { name: button, exact: true }).click()]);
    await this.page.waitForLoadState("load");
    return new URL(this.page.url()).pathname === REDIRECT_PATH;
  }

  /** Sends the form of a hosted page that accepts it, and is back in the application. */
  async sendAccepted(button, credential) {
    if (!(await this.send(button, credential))) {
      throw new Error(`refused at ${this.page.url()}: ${await this.page.locator("body").innerText()}`);
    }
    await this.startSdk();
  }

  /** Sends the form of a hosted page that must refuse it: an alert, and no way back into the application. */
  async sendRefused(button, credential) {
    check(!(await this.send(button, credential)), "a refused form leads back to the application");
    const alert = await this.page.getByRole("alert").innerText();
    check(alert.trim() !== "", "the alert says nothing");
  }

  async promote(credential) {
    await this.startPromotion();
    await this.sendAccepted("Sign up", credential);
    const { userInfo, state } = await this.call("finishPromoteAnonymousUser");
    equal(state, "the app's", "state");
    return userInfo;
  }

  async startLogIn() {
    await this.leaveBy("startAuthentication", { redirectURI: REDIRECT_URI });
    await this.page.getByRole("button", { name: "Log in", exact: true }).waitFor();
  }
}

/** Runs in the page. */
async function callSdk({ method, args }) {
  try {
    return { value: await authgear.default[method](...args) };
  } catch (e) {
    const message = e.message || e.error_description || e.error;
    return { failure: { name: e.name, reason: e.reason, message, error: e.error } };
  }
}

async function inBrowser(browser, title, sessionType, body) {
  await suite.scenario(title, async (step) => {
    const context = await browser.newContext();
    context.setDefaultTimeout(timeLeft());
    suite.onFailure = (name) => screenshots(context, name);
    try {
      await body(step, context, await Tab.open(context, sessionType));
    } finally {
      await context.close();
    }
  });
}

async function screenshots(context, name) {
  const slug = name.replace(/[^a-z0-9]+/gi, "-").toLowerCase();
  const lines = [];
  for (const [index, page] of context.pages().entries()) {
    const path = join(tmpdir(), `sdk-${slug}-${index + 1}.png`);
    await page.screenshot({ path, timeout: 10_000 });
    lines.push(`tab ${index + 1} at ${page.url()}: ${path}`);
  }
  return lines;
}

const cookieHeader = async (context) =>
  (await context.cookies(origin)).map(({ name, value }) => `${name}=${value}`).join("; ");

async function tokenMode(endpoints, browser) {
  await inBrowser(browser, "web, token mode", "refresh_token", async (step, context, tab) => {
    const credential = freshCredential("token");

    const sub = await step("a guest signs up", async () => {
      const { userInfo } = await tab.call("authenticateAnonymously");
      isGuest(userInfo);
      check(await tab.storedRefreshToken, "the SDK stores a refresh token");
      equal((await tab.sdk).state, "AUTHENTICATED", "session state");
      return userInfo.sub;
    });

    await step("signing up again is the same guest", async () => {
      const stored = await tab.storedRefreshToken;
      isGuest((await tab.call("authenticateAnonymously")).userInfo, sub);
      equal(await tab.storedRefreshToken, stored, "stored refresh token");
    });

    await step("the guest stays after a reload", async () => {
      await tab.reload();
      equal((await tab.sdk).state, "AUTHENTICATED", "session state");
      isGuest(await tab.call("fetchUserInfo"), sub);
    });

    await step("refreshIDToken works", () => tab.call("refreshIDToken"));

    const guest = await step("the guest's tokens are at hand", async () => ({
      refreshToken: await tab.storedRefreshToken,
      accessToken: (await tab.sdk).accessToken,
    }));

    await step("promotion keeps the sub", async () => {
      isPromoted(await tab.promote(credential), sub);
      isPromoted(await tab.call("fetchUserInfo"), sub);
      await tab.load(APP_PATH);
      isPromoted(await tab.call("fetchUserInfo"), sub);
    });

    await step("the guest's tokens are dead", () => endpoints.guestTokensAreDead(CLIENT_ID, guest));

    await step("the promoted user can not sign up as a guest", async () => {
      const stored = await tab.storedRefreshToken;
      const error = await refusal(tab.call("authenticateAnonymously"), "signing up as a guest");
      equal([error.name, error.reason], ["Invalid", "Invalid"], "name and reason of the error");
      equal(await tab.storedRefreshToken, stored, "stored refresh token");
    });

    await step("logout revokes the refresh token", async () => {
      const stored = await tab.storedRefreshToken;
      await tab.call("logout", { redirectURI: `${origin}/` });
      equal([(await tab.sdk).state, await tab.storedRefreshToken], ["NO_SESSION", null], "state after logout");
      const refreshed = await endpoints.refresh(CLIENT_ID, stored);
      equal([refreshed.status, refreshed.body.error], [400, "invalid_grant"], "refresh after logout");
    });

    await logInAgain(step, tab, credential, sub);

    await step("a taken e-mail leaves another guest as it was", async () => {
      await tab.call("logout", { redirectURI: `${origin}/` });
      const { userInfo } = await tab.call("authenticateAnonymously");
      check(userInfo.sub !== sub, "a new guest is a new user");
      await tab.startPromotion();
      await tab.sendRefused("Sign up", { ...freshCredential("other"), email: credential.email });
      await tab.load(APP_PATH);
      isGuest(await tab.call("fetchUserInfo"), userInfo.sub);
    });
  });
}

async function logInAgain(step, tab, credential, sub) {
  await step("the hosted log-in page leads to the sign-up page and back", async () => {
    await tab.startLogIn();
    await tab.page.getByRole("link", { name: /sign up/i }).click();
    await tab.page.getByRole("button", { name: "Sign up", exact: true }).waitFor();
    await tab.page.getByRole("link", { name: /log in/i }).click();
    await tab.page.getByRole("button", { name: "Log in", exact: true }).waitFor();
  });

  await step("a wrong password is refused, the right one then logs in as the promoted user", async () => {
    await tab.sendRefused("Log in", { ...credential, password: "not the password" });
    await tab.sendAccepted("Log in", credential);
    isPromoted((await tab.call("finishAuthentication")).userInfo, sub);
    await tab.load(APP_PATH);
    isPromoted(await tab.call("fetchUserInfo"), sub);
  });
}

async function cookieMode(endpoints, browser) {
  await inBrowser(browser, "web, cookie mode", "cookie", async (step, context, tab) => {
    const credential = freshCredential("cookie");

    const sub = await step("a guest signs up", async () => {
      const { userInfo } = await tab.call("authenticateAnonymously");
      isGuest(userInfo);
      equal(await tab.storedRefreshToken, null, "stored refresh token");
      return userInfo.sub;
    });

    const guestCookies = await step("the session cookie is out of the reach of scripts", async () => {
      const readable = await tab.page.evaluate(() => document.cookie);
      equal(readable, "", "document.cookie");
      const header = await cookieHeader(context);
      equal((await endpoints.userinfo({ cookie: header })).body.sub, sub, "sub by the cookie alone");
      return header;
    });

    await step("signing up again is the same guest", async () => {
      isGuest((await tab.call("authenticateAnonymously")).userInfo, sub);
      equal(await cookieHeader(context), guestCookies, "cookies");
    });

    await step("the guest stays after a reload", async () => {
      await tab.reload();
      isGuest(await tab.call("fetchUserInfo"), sub);
    });

    await step("refreshIDToken works", () => tab.call("refreshIDToken"));

    await step("promotion keeps the sub", async () => {
      isPromoted(await tab.promote(credential), sub);
      await tab.load(APP_PATH);
      isPromoted(await tab.call("fetchUserInfo"), sub);
    });

    await step("the guest's cookie is dead", async () => {
      equal(
        (await endpoints.userinfo({ cookie: guestCookies })).status,
        401,
        "status of userinfo with the guest's cookies",
      );
    });

    await step("the promoted user can not sign up as a guest", async () => {
      const error = await refusal(tab.call("authenticateAnonymously"), "signing up as a guest");
      equal([error.name, error.reason], ["Invalid", "Invalid"], "name and reason of the error");
      isPromoted(await tab.call("fetchUserInfo"), sub);
    });

    await step("logout ends the session and comes back", async () => {
      const cookies = await cookieHeader(context);
      await tab.leaveBy("logout", { redirectURI: `${origin}/` });
      equal(new URL(tab.page.url()).pathname, "/", "page after logout");
      equal((await endpoints.userinfo({ cookie: cookies })).status, 401, "status of userinfo with the old cookies");
      await tab.load(APP_PATH);
      await refusal(tab.call("fetchUserInfo"), "userinfo after logout");
    });

    await logInAgain(step, tab, credential, sub);
  });
}

async function twoTabs(browser, sessionType, title) {
  await inBrowser(browser, title, sessionType, async (step, context, one) => {
    const credential = freshCredential("two-tabs");
    const rival = freshCredential("rival");
    const isToken = sessionType === "refresh_token";
    let two;

    const sub = await step("both tabs are the same guest", async () => {
      const { userInfo } = await one.call("authenticateAnonymously");
      isGuest(userInfo);
      two = await Tab.open(context, sessionType);
      isGuest((await two.call("authenticateAnonymously")).userInfo, userInfo.sub);
      isGuest(await one.call("fetchUserInfo"), userInfo.sub);
      return userInfo.sub;
    });

    // The third tab is already on the sign-up page when the first one promotes. It opens it first because the SDK
    // keeps one code verifier for all tabs, the last one made.
    const late = await Tab.open(context, sessionType);
    await step("a third tab opens the sign-up page, then the first one promotes", async () => {
      await late.startPromotion();
      isPromoted(await one.promote(credential), sub);
    });

    const stored = await one.storedRefreshToken;
    const keepsSession = async (tab) => {
      equal(await one.storedRefreshToken, stored, "stored refresh token");
      isPromoted(await tab.call("fetchUserInfo"), sub);
    };

    if (isToken) {
      await step("the second tab's dead access token does not cost it the stored session", async () => {
        const error = await refusal(two.call("fetchUserInfo"), "userinfo with the guest's access token");
        equal(error.error, "invalid_token", "error code");
        equal([await two.storedRefreshToken, (await two.sdk).state], [stored, "AUTHENTICATED"], "what the SDK keeps");
      });
      await step("the second tab's next refresh makes it the promoted user", async () => {
        // What the SDK does by itself once its access token is about to expire.
        await two.call("refreshAccessToken");
        await keepsSession(two);
      });
    }

    await step("the second tab keeps working as the promoted user", async () => {
      if (!isToken) await keepsSession(two);
      await two.reload();
      await keepsSession(two);
    });

    await step("a second promotion from the second tab does not start", async () => {
      const start = two.leaveBy("startPromoteAnonymousUser", { redirectURI: REDIRECT_URI });
      const error = await refusal(start, "starting a second promotion");
      equal([error.name, error.reason], ["Invalid", "Invalid"], "name and reason of the error");
      await keepsSession(two);
    });

    await step("the third tab's promotion with another credential is refused on the page", async () => {
      await late.sendRefused("Sign up", rival);
      await keepsSession(one);
      await keepsSession(two);
    });

    await step("the third tab goes on as the promoted user", async () => {
      await late.load(APP_PATH);
      await keepsSession(late);
    });

    await step("the refused credential opens nothing", async () => {
      const elsewhere = await browser.newContext();
      elsewhere.setDefaultTimeout(timeLeft());
      try {
        const stranger = await Tab.open(elsewhere, sessionType);
        await stranger.startLogIn();
        await stranger.sendRefused("Log in", rival);
        await stranger.sendAccepted("Log in", credential);
        isPromoted((await stranger.call("finishAuthentication")).userInfo, sub);
      } finally {
        await elsewhere.close();
      }
    });

    await step("logging in elsewhere did not end the session here", () => keepsSession(one));
  });
}

/** The guestbook's own page, as people use it: choosing the other session type cost a guest its only token, and so
 * did logging in; and after every action the keyboard was at the top of the page again. */
async function ownPage(browser) {
  await suite.scenario("web, the page /sdk", async (step) => {
    const context = await browser.newContext();
    context.setDefaultTimeout(timeLeft());
    suite.onFailure = (name) => screenshots(context, name);
    const page = await context.newPage();
    const button = (name) => page.getByRole("button", { name, exact: true });
    const radio = (name) => page.getByRole("radio", { name, exact: true });
    const focused = () => page.evaluate(() => document.activeElement.id);
    const storedToken = () => page.evaluate((key) => localStorage.getItem(key), REFRESH_TOKEN_KEY);
    const says = (text) => page.getByRole("status").filter({ hasText: text }).waitFor();

    await step("a session type can be chosen by whoever is nobody yet", async () => {
      await page.goto(`${origin}/sdk`);
      await page.locator("#state", { hasText: "not signed in" }).waitFor();
      check(await radio("refresh token").isEnabled(), "the session type cannot be chosen");
    });

    const token = await step("a guest signs up, and the keyboard stays on the button", async () => {
      await button("Continue as guest").click();
      await says("You are a guest.");
      await page.waitForFunction(() => document.activeElement.id === "guest");
      return storedToken();
    });

    await step("a guest cannot change the session type", async () => {
      check(token, "the guest has no refresh token");
      for (const name of ["cookie", "refresh token"]) {
        check(await radio(name).isDisabled(), `${name} can be chosen`);
      }
      equal(await storedToken(), token, "stored refresh token");
    });

    await step("a tab from before cannot change it either", async () => {
      const old = await context.newPage();
      // It looked when nobody was signed in.
      await old.addInitScript((key) => {
        const stored = localStorage.getItem(key);
        localStorage.removeItem(key);
        addEventListener("signed-in-elsewhere", () => localStorage.setItem(key, stored));
      }, REFRESH_TOKEN_KEY);
      await old.goto(`${origin}/sdk`);
      await old.locator("#state", { hasText: "not signed in" }).waitFor();
      await old.evaluate(() => dispatchEvent(new Event("signed-in-elsewhere")));
      await old.getByRole("radio", { name: "cookie", exact: true }).click();
      await old.getByRole("alert").filter({ hasText: "You are signed in" }).waitFor();
      await old.close();
      equal(await storedToken(), token, "stored refresh token");
    });

    for (const name of ["Log in", "Log out"]) {
      await step(`${name} asks a guest first`, async () => {
        await button(name).click();
        await button(`${name} all the same`).waitFor();
        equal(await focused(), "stay", "focused");
        await button("Stay").click();
        await button(`${name} all the same`).waitFor({ state: "hidden" });
        equal([new URL(page.url()).pathname, await storedToken()], ["/sdk", token], "page and stored refresh token");
      });
    }

    await step("whoever insists logs out, and may choose again", async () => {
      await button("Log out").click();
      await button("Log out all the same").click();
      await says("Logged out.");
      await page.locator("#state", { hasText: "not signed in" }).waitFor();
      equal([await storedToken(), await focused()], [null, "guest"], "stored refresh token and focused");
      check(await radio("cookie").isEnabled(), "the session type cannot be chosen");
    });
    await context.close();
  });
}

await suite.scenario("web", async (step) => {
  const endpoints = await step("discovery names endpoints of the server's own origin", () =>
    Endpoints.discover(origin),
  );
  const browser = await step("the browser starts", () =>
    chromium.launch({ executablePath: browserPath(), headless: true, args: BROWSER_ARGS, timeout: timeLeft() }),
  );
  await tokenMode(endpoints, browser);
  await cookieMode(endpoints, browser);
  await twoTabs(browser, "refresh_token", "web, two tabs in token mode");
  await twoTabs(browser, "cookie", "web, two tabs in cookie mode");
  await ownPage(browser);
  await browser.close();
});
suite.finish();
