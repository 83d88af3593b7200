// The console and the API's pages as a person with a browser sees it: `node run.js PROGRAM [--screenshots]`.
// Every picture goes to target/browser-tests; with --screenshots those that the README shows go to docs/screenshots, too.
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { launch } from "./browser.js";
import { checkPage, watch } from "./check.js";
import { addUsage, startDemo } from "./demo.js";
import { docsTests } from "./docs.js";

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const PICTURES = join(ROOT, "target/browser-tests");
const SHOWN = join(ROOT, "docs/screenshots");
const SHOWN_MAX_BYTES = 200_000;
const [program = join(ROOT, "target/debug/simgauge"), ...options] = process.argv.slice(2);

const CARD = "8988308650100524999";
const NEW_CARD = "8986001234567890123";
const PAGES = {
  overview: "/console",
  cards: "/console/cards",
  card: `/console/cards/${CARD}`,
  refreshes: "/console/refreshes",
  operators: "/console/operators",
  apps: "/console/apps",
  notifications: "/console/notifications",
  import: "/console/import",
  "not-found": "/console/nothing",
};
// Which pictures the READMEs show.
const FOR_DOCS = ["overview-desktop-light-en", "card-desktop-light-en", "card-desktop-light-zh", "card-phone-dark-zh"];
const LOOKS = [
  { name: "desktop-light-en", width: 1280, height: 860, colorScheme: "light", locale: "en" },
  { name: "desktop-light-zh", width: 1280, height: 860, colorScheme: "light", locale: "zh-CN" },
  { name: "desktop-dark-zh", width: 1280, height: 860, colorScheme: "dark", locale: "zh-CN" },
  { name: "phone-light-en", width: 390, height: 844, colorScheme: "light", locale: "en" },
  { name: "phone-dark-zh", width: 390, height: 844, colorScheme: "dark", locale: "zh-CN" },
];

let url;
let browser;
let state;

async function open({ width = 1280, height = 860, colorScheme = "light", locale = "en", loggedIn = true } = {}) {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme,
    locale,
    storageState: loggedIn ? state : undefined,
    reducedMotion: "reduce",
  });
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  return { context, page, complaints: watch(page) };
}

// A page in the middle of a test; whatever it complained about fails the test.
async function on(look, path, story) {
  const { context, page, complaints } = await open(look);
  try {
    await page.goto(url + path);
    await story(page, complaints);
    assert.deepEqual(complaints, []);
  } catch (error) {
    await page.screenshot({ path: join(PICTURES, "failed.png"), fullPage: true }).catch(() => {});
    throw error;
  } finally {
    await context.close();
  }
}

const picture = (page, name) => page.screenshot({ path: join(PICTURES, `${name}.png`) });
const bytes = async (page) => Number((await page.getAttribute("[data-used]", "title")).replace(/\D/g, ""));

const tests = {
  async "nobody is let in with a wrong password, and the right one opens the page that was asked for"() {
    await on({ loggedIn: false }, "/console/cards", async (page, complaints) => {
      await page.waitForURL("**/console/login?next=*");
      await checkPage(page, "the log-in");
      await picture(page, "login-desktop-light-en");
      await page.getByLabel("Name").fill("demo");
      await page.getByLabel("Password").fill("not the password");
      await page.getByRole("button", { name: "Log in" }).click();
      await page.getByText("Name or password is wrong.").waitFor();
      // The browser notes the refusal's status; that is all that may be there.
      assert.ok(complaints.splice(0).every((text) => text.includes("401")));
      await page.getByLabel("Password").fill("demo-secret");
      await page.getByRole("button", { name: "Log in" }).click();
      await page.waitForURL("**/console/cards");
      state = await page.context().storageState();
    });
  },

  async "a card is found, its button pressed, and the new number arrives without a reload"() {
    await on({}, "/console/cards", async (page) => {
      await page.getByLabel("ICCID, EID or label").fill(CARD.slice(0, 12));
      await page.getByRole("button", { name: "Find" }).click();
      await page.getByRole("link", { name: CARD }).click();
      await page.waitForURL(`**/cards/${CARD}`);
      const before = await bytes(page);
      await addUsage(url, CARD, 1_000_000);
      await page.evaluate(() => (globalThis.sameDocument = true));
      await page.getByRole("button", { name: "Refresh now" }).click();
      await page.locator("[data-clock]").waitFor();
      const shown = await page.locator("[data-clock]").textContent();
      assert.match(shown, /^(4:\d\d|5:00)$/, "counts down from five minutes");
      await page.waitForFunction((shown) => document.querySelector("[data-clock]").textContent !== shown, shown);
      assert.ok(await page.getByRole("button", { name: "Refresh now" }).isDisabled());
      await page.waitForFunction(
        (before) => Number(document.querySelector("[data-used]").title.replace(/\D/g, "")) >= before + 1_000_000,
        before,
      );
      await page.getByText("It was read from the operator").waitFor();
      await page.getByText("console, demo").first().waitFor();
      assert.ok(await page.evaluate(() => globalThis.sameDocument), "the page was loaded anew");
    });
  },

  async "refreshes appear in the list while one looks at it"() {
    await on({}, "/console/refreshes", async (page) => {
      const number = "8986000000000000002";
      assert.equal(await page.getByText("console, demo").count(), 1);
      const other = await open();
      await other.page.goto(`${url}/console/cards/${number}`);
      await other.page.getByRole("button", { name: "Refresh now" }).click();
      await page.getByRole("row", { name: new RegExp(`${number}.*console, demo`) }).waitFor();
      await other.context.close();
    });
  },

  async "the language and the theme change and stay"() {
    await on({}, "/console/cards", async (page) => {
      await page.getByRole("button", { name: "中文" }).click();
      await page.getByRole("heading", { name: "卡片" }).waitFor();
      await page.getByRole("button", { name: "深色" }).click();
      await page.waitForFunction(() => document.documentElement.dataset.theme === "dark");
      const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      assert.equal(ground, "rgb(14, 19, 24)");
      await page.getByRole("link", { name: "总览" }).click();
      await page.getByRole("heading", { name: "需要处理的事项" }).waitFor();
      await page.getByRole("button", { name: "English" }).click();
      await page.getByRole("heading", { name: "What needs a person now" }).waitFor();
    });
  },

  async "a file with bad rows is checked, and its good rows are imported"() {
    await on({}, "/console/import", async (page) => {
      const rows = [
        "iccid,account,operator_account,label",
        `${NEW_CARD},demo,demo-cisco-control-center,=from a browser`,
        "123,demo,demo-cisco-control-center,too short",
        "8986001234567890124,nobody,demo-cisco-control-center,no such account",
      ];
      const file = { name: "cards.csv", mimeType: "text/csv", buffer: Buffer.from(rows.join("\n")) };
      await page.locator("input[type=file]").setInputFiles(file);
      await page.getByRole("button", { name: "Upload and check" }).click();
      await page.getByText("iccid must be 18 to 22 digits").waitFor();
      await page.getByText('there is no account "nobody"').waitFor();
      await page.getByText("Nothing is stored yet.").waitFor();
      await checkPage(page, "a checked file");
      await picture(page, "import-checked-desktop-light-en");
      await page.getByRole("button", { name: "Import the 1 good rows" }).click();
      await page.getByText("1 rows are imported.").waitFor();
      await page.goto(`${url}/console/cards?q=${NEW_CARD}`);
      await page.getByText("=from a browser").waitFor();
    });
  },

  async "a lane is paused, which everybody sees, and goes on"() {
    await on({}, "/console/operators", async (page) => {
      const lane = page.locator("#demo-cisco-control-center");
      await lane.getByLabel("Why").fill("the operator asked us to");
      await lane.getByRole("button", { name: "Pause" }).click();
      await lane.getByText("the operator asked us to").waitFor();
      await lane.getByText("paused", { exact: true }).waitFor();
      await checkPage(page, "a paused lane");
      await picture(page, "operators-paused-desktop-light-en");
      await lane.getByRole("button", { name: "Resume" }).click();
      await lane.getByText("healthy", { exact: true }).waitFor();
    });
  },

  async "a secret is shown once"() {
    await on({}, "/console/apps", async (page) => {
      page.on("dialog", (dialog) => dialog.accept());
      const form = page.locator("form[action='/console/apps']");
      await form.getByLabel("Account").fill("demo");
      await form.getByLabel("Appkey").fill("from-a-browser");
      await form.getByRole("button", { name: "Create" }).click();
      assert.match(await page.locator("#secret-text").textContent(), /^[0-9a-f]{64}$/);
      await checkPage(page, "a new secret");
      await picture(page, "apps-secret-desktop-light-en");
      await page.goto(`${url}/console/apps`);
      assert.equal(await page.locator("#secret-text").count(), 0);
      await page.getByRole("button", { name: "Disable from-a-browser" }).click();
      await page.getByText("The app is disabled.").waitFor();
    });
  },

  ...Object.fromEntries(
    LOOKS.map((look) => [
      `every page is well made: ${look.name}`,
      async () => {
        for (const [name, path] of Object.entries(PAGES)) {
          await on(look, path, async (page, complaints) => {
            await checkPage(page, `${name} (${look.name})`);
            await picture(page, `${name}-${look.name}`);
            if (name === "not-found") assert.ok(complaints.splice(0).every((text) => text.includes("404")));
          });
        }
      },
    ]),
  ),

  async "without scripts the console works all the same"() {
    const context = await browser.newContext({ javaScriptEnabled: false, storageState: state, locale: "en" });
    const page = await context.newPage();
    await page.goto(`${url}/console/cards/8986000000000000004`);
    await page.getByRole("button", { name: "Refresh now" }).click();
    await page.getByText("Accepted: it waits for its turn at the operator.").waitFor();
    assert.match(await page.locator("[data-clock]").textContent(), /^[45]:\d\d$/);
    await context.close();
  },

  async "logging out ends the session"() {
    await on({}, "/console", async (page) => {
      await page.getByRole("button", { name: "Log out" }).click();
      await page.getByText("You are logged out.").waitFor();
      await page.goto(`${url}/console/cards`);
      await page.waitForURL("**/console/login?next=*");
    });
  },
};

function keepForDocs() {
  mkdirSync(SHOWN, { recursive: true });
  for (const name of FOR_DOCS) {
    const from = join(PICTURES, `${name}.png`);
    assert.ok(statSync(from).size <= SHOWN_MAX_BYTES, `${name} is too large for the repository`);
    copyFileSync(from, join(SHOWN, `${name}.png`));
  }
}

mkdirSync(PICTURES, { recursive: true });
const demo = await startDemo(program);
url = demo.url;
let chromium;
let [passed, failed] = [0, 0];
try {
  chromium = await launch();
  browser = chromium.browser;
  for (const [name, test] of Object.entries({ ...tests, ...docsTests({ on, picture, looks: LOOKS }) })) {
    const began = Date.now();
    try {
      await test();
      passed += 1;
      console.log(`ok    ${name} (${Date.now() - began} ms)`);
    } catch (error) {
      failed += 1;
      console.log(`FAIL  ${name}\n${error.stack}\n(as it looked: target/browser-tests/failed.png)`);
    }
  }
  if (failed === 0 && options.includes("--screenshots")) keepForDocs();
} finally {
  await chromium?.close();
  await demo.stop();
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
