// Drives the unmodified `@authgear/react-native` against a running server.

import { Device } from "./device.mjs";
import {
  check,
  describeFailure,
  Endpoints,
  equal,
  FormBrowser,
  freshCredential,
  isGuest,
  isPromoted,
  refusal,
  serverOrigin,
  Suite,
} from "./lib.mjs";

const CLIENT_ID = "native";
const REDIRECT_URI = "com.example.guestbook://callback";

const origin = serverOrigin();
const suite = new Suite();

/** What the system browser does when the app opens it: a person fills in the hosted form. */
function hostedForm(credential) {
  return {
    async openAuthorizationURL({ url, redirectURI }) {
      const browser = new FormBrowser();
      const page = await browser.open(url, redirectURI);
      if (page.arrived) return page.arrived;
      check(page.action, `the page reached from the authorization endpoint has no form: ${page.shown}`);
      const answer = await browser.submit(page, credential, redirectURI);
      check(answer.arrived, `the form was not accepted: ${answer.alert ?? answer.shown}`);
      return answer.arrived;
    },
  };
}

const neverOpened = {
  async openAuthorizationURL() {
    throw new Error("this step needs no hosted page");
  },
};

const launch = (device, uiImplementation = neverOpened) =>
  device.launch({ clientID: CLIENT_ID, endpoint: origin, isSSOEnabled: false, uiImplementation });

async function wholeWay(endpoints, title, dpop) {
  await suite.scenario(title, async (step) => {
    const device = new Device({ dpop });
    const credential = freshCredential("native");
    let app = await launch(device);

    const sub = await step("a device key signs up", async () => {
      equal(app.sessionState, "NO_SESSION", "session state before");
      const { userInfo } = await app.authenticateAnonymously();
      isGuest(userInfo);
      equal(app.sessionState, "AUTHENTICATED", "session state");
      check(device.anonymousKeyId, "the SDK keeps the key ID");
      return userInfo.sub;
    });

    await step("the app is started again and resumes by its refresh token", async () => {
      app = await launch(device);
      equal(app.sessionState, "AUTHENTICATED", "session state");
      isGuest(await app.fetchUserInfo(), sub);
    });

    await step("signing up again with the same key is the same user", async () => {
      isGuest((await app.authenticateAnonymously()).userInfo, sub);
    });

    await step("refreshIDToken gives an ID token of the same user", async () => {
      await app.refreshIDToken();
      const payload = JSON.parse(Buffer.from(app.getIDTokenHint().split(".")[1], "base64url").toString());
      equal(
        [payload.sub, payload["https://authgear.com/claims/user/is_anonymous"]],
        [sub, true],
        "claims of the ID token",
      );
    });

    await step("after logout the refresh token is dead and the key signs in again", async () => {
      const { refreshToken } = device;
      await app.logout();
      equal([app.sessionState, device.refreshToken], ["NO_SESSION", undefined], "state after logout");
      const refreshed = await endpoints.refresh(CLIENT_ID, refreshToken);
      equal([refreshed.status, refreshed.body.error], [400, "invalid_grant"], "refresh after logout");
      app = await launch(device);
      isGuest((await app.authenticateAnonymously()).userInfo, sub);
    });

    const guest = { keyId: device.anonymousKeyId, refreshToken: device.refreshToken, accessToken: app.accessToken };

    await step("promotion keeps the sub", async () => {
      app = await launch(device, hostedForm(credential));
      const { userInfo, state } = await app.promoteAnonymousUser({ redirectURI: REDIRECT_URI, state: "the app's" });
      isPromoted(userInfo, sub);
      equal(state, "the app's", "state");
      equal(device.anonymousKeyId, undefined, "the key ID the SDK keeps");
      isPromoted(await app.fetchUserInfo(), sub);
    });

    await step("the promoted user resumes after a restart", async () => {
      app = await launch(device);
      isPromoted(await app.fetchUserInfo(), sub);
    });

    await step("the guest's tokens are dead", () => endpoints.guestTokensAreDead(CLIENT_ID, guest));

    for (const alwaysShowsKey of [false, true]) {
      await step(
        `the guest's key is refused ${alwaysShowsKey ? "with" : "without"} its public key in the request`,
        async () => {
          const thief = device.withOnlyKey(guest.keyId, { alwaysShowsKey });
          const error = describeFailure(
            await refusal((await launch(thief)).authenticateAnonymously(), "signing in with the retired key"),
          );
          equal(error.error, "invalid_grant", `error code in ${JSON.stringify(error)}`);
          equal(thief.refreshToken, undefined, "refresh token issued");
        },
      );
    }

    await step("the promoted user logs out and logs in on the hosted page", async () => {
      await app.logout();
      app = await launch(device, hostedForm(credential));
      const { userInfo } = await app.authenticate({ redirectURI: REDIRECT_URI });
      isPromoted(userInfo, sub);
    });

    await step("a later guest on the same device is another user", async () => {
      await app.logout();
      app = await launch(device);
      const { userInfo } = await app.authenticateAnonymously();
      isGuest(userInfo);
      check(userInfo.sub !== sub, "the new guest has the promoted user's sub");
    });

    await step("a taken e-mail leaves the guest as it was", async () => {
      const before = await app.fetchUserInfo();
      const taken = { ...freshCredential("other"), email: credential.email };
      app = await launch(device, hostedForm(taken));
      await refusal(app.promoteAnonymousUser({ redirectURI: REDIRECT_URI }), "promotion with a taken e-mail");
      isGuest(await app.fetchUserInfo(), before.sub);
    });
  });
}

await suite.scenario("native", async (step) => {
  const endpoints = await step("discovery names endpoints of the server's own origin", () =>
    Endpoints.discover(origin),
  );
  await wholeWay(endpoints, "native with DPoP", true);
  await wholeWay(endpoints, "native without DPoP", false);
});
suite.finish();
