"""The characters behind the entity names of the ISO, MathML and JATS sets, so that no DTD ever has to be fetched."""

from __future__ import annotations

from html.entities import html5

# HTML's table holds every set of ISO 8879 and ISO 9573-13 but the Greek letters for text (grk1), those
# with accents (grk2) and the bold ones (grk4), all three of which the NLM and JATS DTDs declare.
_GREEK_1 = (
    "agr α Agr Α bgr β Bgr Β ggr γ Ggr Γ dgr δ Dgr Δ egr ε Egr Ε zgr ζ Zgr Ζ eegr η EEgr Η thgr θ THgr Θ igr ι Igr Ι "
    "kgr κ Kgr Κ lgr λ Lgr Λ mgr μ Mgr Μ ngr ν Ngr Ν xgr ξ Xgr Ξ ogr ο Ogr Ο pgr π Pgr Π rgr ρ Rgr Ρ sgr σ Sgr Σ "
    "sfgr ς tgr τ Tgr Τ ugr υ Ugr Υ phgr φ PHgr Φ khgr χ KHgr Χ psgr ψ PSgr Ψ ohgr ω OHgr Ω"
)
_GREEK_2 = (
    "aacgr ά Aacgr Ά eacgr έ Eacgr Έ eeacgr ή EEacgr Ή idigr ϊ Idigr Ϊ iacgr ί Iacgr Ί idiagr ΐ oacgr ό Oacgr Ό "
    "udigr ϋ Udigr Ϋ uacgr ύ Uacgr Ύ udiagr ΰ ohacgr ώ OHacgr Ώ"
)
_GREEK_4 = (
    "b.alpha 𝛂 b.beta 𝛃 b.gamma 𝛄 b.Gamma 𝚪 b.gammad 𝟋 b.Gammad 𝟊 b.delta 𝛅 b.Delta 𝚫 b.epsi 𝛆 b.epsiv 𝛜 b.zeta 𝛇 "
    "b.eta 𝛈 b.thetas 𝛉 b.Theta 𝚯 b.thetav 𝛝 b.iota 𝛊 b.kappa 𝛋 b.kappav 𝛞 b.lambda 𝛌 b.Lambda 𝚲 b.mu 𝛍 b.nu 𝛎 "
    "b.xi 𝛏 b.Xi 𝚵 b.pi 𝛑 b.Pi 𝚷 b.piv 𝛡 b.rho 𝛒 b.rhov 𝛠 b.sigma 𝛔 b.Sigma 𝚺 b.sigmav 𝛓 b.tau 𝛕 b.upsi 𝛖 "
    "b.Upsi 𝚼 b.phis 𝛗 b.Phi 𝚽 b.phiv 𝛟 b.chi 𝛘 b.psi 𝛙 b.Psi 𝚿 b.omega 𝛚 b.Omega 𝛀"
)

# What Elsevier adds to the ISO sets. A body may hold any of them, and a file with an unknown name is refused.
_ELSEVIER = (
    "z.Barwed ⩞ z.Inf ⨇ z.Lap ⧊ z.Rlarr ⥂ z.Sup ⨈ z.Theta ϴ z.Thr ⨅ z.ang90 ⦜ z.betav ϐ z.cirf ● z.cirfb ◒ "
    "z.cirfl ◐ z.cirfr ◑ z.cirft ◓ z.ddfnc ⦙ z.defas ⧋ z.diam ♢ z.drule ⧹ z.dshfnc ┆ z.egs ⪖ z.els ⪕ "
    "z.epsi ϵ z.epsiv ε z.euro € z.gEl ⪌ z.gammad ϝ z.gap ⪆ z.gne ⪈ z.hearts ♥ z.hex ⎔ z.hfl ƒ z.jup ♃ "
    "z.lEg ⪋ z.lap ⪅ z.lne ⪇ z.lpargt ⦠ z.lsquo ‹ z.ltri ◁ z.ltrif ◀ z.merc ☿ z.nept ♆ z.nesim ≂⃒ z.ngE ≧̸ "
    "z.nharr ⇹ z.nlE ≦̸ z.nsubE ⫅̸ z.nsupE ⫆̸ z.olarr ⥀ z.omicr ο z.orarr ⥁ z.parl ▱ z.pdbdbd ⎓ z.pes ₧ "
    "z.prap ⪷ z.prnap ⪹ z.rLarr ⥄ z.rarrx ⥇ z.rsquo › z.rtri ▷ z.rtrif ▶ z.rvbull ◘ z.sat ♄ z.scap ⪸ z.sce ⪰ "
    "z.scis ✂ z.scnap ⪺ z.sqfl ◧ z.sqfnw ◩ z.sqfr ◨ z.sqfse ◪ z.sqh ▤ z.sqhne ▨ z.sqhsw ▧ z.sqsbne ⋤ "
    "z.sqshd ▩ z.sqspne ⋥ z.sqv ▥ z.squf ■ z.star ☆ z.subE ⫅ z.subnE ⫋ z.supE ⫆ z.supnE ⫌ z.tdcol ⫶ z.tfnc ⦀ "
    "z.urule ⧸ z.veeBar ⩣ z.vrecto ▯ z.xsqcup ⨆ z.xuplus ⨄"
)
# What astronomers set above the decimal point (16.°5), by the names of AASTeX: in journals of IOP and of the AAS.
_ASTRONOMY = "farcm .′ farcs .″ fd .ᵈ fdg .° fh .ʰ fm .ᵐ fp .ᵖ fs .ˢ"


def _pairs(table: str) -> dict[str, str]:
    words = table.split()
    return dict(zip(words[::2], words[1::2], strict=True))


PREDEFINED = frozenset({"amp", "lt", "gt", "apos", "quot"})
"""The names that every XML parser knows (XML 1.0, section 4.6)."""

CHARACTERS: dict[str, str] = {
    **{name[:-1]: characters for name, characters in html5.items() if name.endswith(";")},
    **_pairs(_GREEK_1),
    **_pairs(_GREEK_2),
    **_pairs(_GREEK_4),
    **_pairs(_ASTRONOMY),
    **_pairs(_ELSEVIER),
}
"""Entity name to its character or characters."""


def declaration(name: str) -> str:
    """The entity declaration of ``name`` for an internal DTD subset, on one line, in ASCII.

    Raises KeyError when no set knows the name.
    """
    # '<' and '&' have to be escaped twice in an entity's value (XML 1.0, section 4.6).
    value = "".join(f"&#38;#{ord(c)};" if c in "<&" else f"&#{ord(c)};" for c in CHARACTERS[name])
    return f'<!ENTITY {name} "{value}">'
