//! What the page says, in both languages. `{team}` is what people call the team. French has no-break spaces where its
//! typography asks for them.

use domain::Language;

pub(super) struct Words {
    pub(super) heading: &'static str,
    /// He gets all mails.
    pub(super) heard: &'static str,
    /// He gets those that he cannot do without.
    pub(super) unheard: &'static str,
    pub(super) mute: &'static str,
    pub(super) unmute: &'static str,
    pub(super) note: &'static str,
    pub(super) gone_heading: &'static str,
    pub(super) gone: &'static str,
}

const ENGLISH: Words = Words {
    heading: "Mails about {team}",
    heard: "You get a mail when {team} nears a limit of its plan, when it is set to reach one this month, and before its plan \
            ends.",
    unheard: "You no longer get mails when {team} nears a limit of its plan or when its plan is about to end.",
    mute: "Stop these mails",
    unmute: "Get these mails again",
    note: "Mails about payments, about a limit that is reached and about a plan that has ended are always sent.",
    gone_heading: "This link no longer works",
    gone: "Nothing was changed. Use the link at the end of a newer mail.",
};

const FRENCH: Words = Words {
    heading: "Messages au sujet de l’équipe {team}",
    heard: "Vous recevez un message quand l’équipe {team} approche d’une limite de son forfait, quand elle est en passe d’en \
            atteindre une ce mois-ci, et avant la fin de son forfait.",
    unheard: "Vous ne recevez plus de message quand l’équipe {team} approche d’une limite de son forfait, ni avant la fin de \
              celui-ci.",
    mute: "Ne plus recevoir ces messages",
    unmute: "Recevoir de nouveau ces messages",
    note: "Les messages sur les paiements, sur une limite atteinte et sur un forfait terminé sont toujours envoyés.",
    gone_heading: "Ce lien ne fonctionne plus",
    gone: "Rien n’a été modifié. Utilisez le lien en bas d’un message plus récent.",
};

pub(super) const fn of(language: Language) -> &'static Words {
    match language {
        Language::English => &ENGLISH,
        Language::French => &FRENCH,
    }
}
