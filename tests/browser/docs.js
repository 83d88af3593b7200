// The pages that describe the API: the reference, and the one that signs a call with a key that a person types.
import assert from "node:assert/strict";
import { checkPage } from "./check.js";

const CARD = "8988308650100524999";
const VECTOR = { appkey: "000001", timestamp: 1556595508, nonce: 24523, userName: "wx", age: 24, sex: 1 };

async function send(page, operation, fields) {
  await page.locator("#operation").selectOption(`../api/v3/${operation}`);
  if (fields) await page.locator("#fields").fill(fields);
  await page.locator("#send").click();
  await page.waitForFunction(() => document.querySelector("#answer").textContent.startsWith("HTTP"));
  const answer = await page.locator("#answer").textContent();
  return JSON.parse(answer.slice(answer.indexOf("\n")));
}

async function signIn(page) {
  await page.locator("#appkey").fill("demo");
  await page.locator("#secret").fill("demo-secret");
}

export const docsTests = ({ on, picture, looks }) => ({
  async "the reference shows every operation and keeps to its policy"() {
    await on({ loggedIn: false }, "/docs", async (page) => {
      await page.locator(".opblock").first().waitFor();
      assert.equal(await page.locator(".opblock").count(), 9);
      await picture(page, "docs-reference");
    });
  },

  async "a call is signed in the browser and answered, in every look"() {
    for (const { name, ...look } of looks) {
      await on({ ...look, loggedIn: false }, "/docs/sign", async (page) => {
        await signIn(page);
        const answer = await send(page, "card/getCardsInfo");
        assert.deepEqual([answer.code, answer.data.iccid], ["200", CARD]);
        const signed = await page.locator("#string-to-sign").textContent();
        assert.match(signed, /^appkey=demo&iccid=\d+&nonce=\d{5}&timestamp=\d{10}&secret=\*\*\*$/);
        assert.ok(!(await page.locator("main").innerText()).includes("demo-secret"));
        await checkPage(page, `/docs/sign ${name}`);
        await picture(page, `docs-sign-${name}`);
      });
    }
  },

  async "whatever else a body carries is signed as the server signs it"() {
    await on({ loggedIn: false }, "/docs/sign", async (page) => {
      await signIn(page);
      const fields = `{"iccid": "${CARD}", "x": 1.50, "big": 1e21, "t": true, "f": false, "none": null, "empty": [],
        "nested": {"b": [1, "中/\\"", null], "a": {}}, "\u{1f4f6}": "1", "\uffee": "2", "é": "3", "Z": "4", "a": ""}`;
      assert.equal((await send(page, "card/getCardsInfo", fields)).code, "200");
      const refresh = await send(page, "card/refreshUsage");
      // What was accepted a moment ago is what is asked about next.
      const id = refresh.code === "200" ? refresh.data.refreshId : undefined;
      if (id) assert.equal((await send(page, "refresh/get")).data.refreshId, id);
      await page.locator("#fields").fill("[]");
      await page.locator("#send").click();
      await page.getByText("must be one JSON object").waitFor();
    });
  },

  async "both ways to sign give the documented vectors"() {
    await on({ loggedIn: false }, "/docs/sign", async (page) => {
      const sign = (body) =>
        page.evaluate(async (body) => (await import("/docs/sign.js")).sign(body, "a1b1c1d1"), body);
      assert.equal(await sign(VECTOR), "963A56BAEBED746F2746E4D9B3B77BE0F2E171E7");
      assert.equal(
        await sign({ ...VECTOR, signType: "HMAC-SHA256" }),
        "E67CF09BF6A1163920E2F7C0E644605F23E98307DF77C66E869CFBF4DC72C110",
      );
    });
  },

  async "a clock that is off is noticed and allowed for"() {
    await on({ loggedIn: false }, "/docs/sign", async (page) => {
      await page.addInitScript(() => {
        const now = Date.now;
        Date.now = () => now() - 3_600_000;
      });
      await page.reload();
      await signIn(page);
      assert.equal((await send(page, "card/getCardsInfo")).code, "401");
      await page.getByText(/clock is 3\d\d\d s off/).waitFor();
      assert.equal((await send(page, "card/getCardsInfo")).code, "200");
    });
  },

  async "where browsers refuse to sign, the page says so"() {
    await on({ loggedIn: false }, "/docs/sign", async (page) => {
      await page.addInitScript(() => Object.defineProperty(crypto, "subtle", { value: undefined }));
      await page.reload();
      await page.getByText("on https and on localhost only").waitFor();
      assert.ok(await page.locator("#send").isDisabled());
    });
  },
});
