/// The profile that a reading is about.
#[derive(Clone, Copy, Debug)]
pub struct ProfileRef<'a> {
    pub iccid: &'a str,
    /// The EID of the profile's card, where it is an eSIM's. Definitions that do not accept EIDs ignore it.
    pub eid: Option<&'a str>,
}
