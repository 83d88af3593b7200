//! The names that the demo, its page and the documentation share.

/// The account and the appkey of the demo, and the name of its admin.
pub const DEMO: &str = "demo";
/// The secret of the demo's app, and the password of its admin.
pub const SECRET: &str = "demo-secret";
/// The card in the examples of the documentation.
pub const ICCID: &str = "8988308650100524999";
/// The cloud eSIM in the examples of the documentation.
pub const EID: &str = "11111111111111111111111111";
/// The profile of that cloud eSIM.
pub const EID_PROFILE: &str = "8988308650100525004";
/// How many ordinary cards there are beside those two.
pub const MORE_CARDS: u32 = 100;
/// The operator of the test cards.
pub const TEST_OPERATOR: &str = "cisco_control_center";

/// The number of an ordinary card.
#[must_use]
pub fn ordinary_iccid(n: u32) -> String {
    format!("89860000000000{n:05}")
}
