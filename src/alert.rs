//! What the user is told: events and their fixed JSON form, `unmask.alert/1`.
