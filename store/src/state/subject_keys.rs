//! The keys of what is sealed in events: one for each person, made when it is first needed, destroyed when the person is
//! to be forgotten.
