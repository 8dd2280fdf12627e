"""Language tags as MARC 21 writes them: three letters of ISO 639-2, the bibliographic ones."""

from __future__ import annotations

from repository.turkish import machine_lower

_TWO = (
    "aaaar ababk aeave afafr akaka amamh anarg arara asasm avava ayaym azaze babak bebel bgbul bibis bmbam bnben "
    "botib brbre bsbos cacat ceche chcha cocos crcre cscze cuchu cvchv cywel dadan deger dvdiv dzdzo eeewe elgre "
    "eneng eoepo esspa etest eubaq faper ffful fifin fjfij fofao frfre fyfry gagle gdgla glglg gngrn guguj gvglv "
    "hahau heheb hihin hohmo hrhrv hthat huhun hyarm hzher iaina idind ieile igibo iiiii ikipk ioido isice itita "
    "iuiku jajpn jvjav kageo kgkon kikik kjkua kkkaz klkal kmkhm knkan kokor krkau kskas kukur kvkom kwcor kykir "
    "lalat lbltz lglug lilim lnlin lolao ltlit lulub lvlav mgmlg mhmah mimao mkmac mlmal mnmon mrmar msmay mtmlt "
    "mybur nanau nbnob ndnde nenep ngndo nldut nnnno nonor nrnbl nvnav nynya ococi ojoji omorm orori ososs papan "
    "pipli plpol pspus ptpor quque rmroh rnrun rorum rurus rwkin sasan scsrd sdsnd sesme sgsag sisin skslo slslv "
    "smsmo snsna sosom sqalb srsrp ssssw stsot susun svswe swswa tatam tetel tgtgk ththa titir tktuk tltgl tntsn "
    "toton trtur tstso tttat twtwi tytah uguig ukukr ururd uzuzb veven vivie vovol wawln wowol xhxho yiyid yoyor "
    "zazha zhchi zuzul "
)
"""ISO 639-1, two letters, and the code of MARC, three, for each language that has both."""
_THREE = (
    "sqialb hyearm eusbaq myabur zhochi cescze nlddut katgeo deuger ellgre islice mkdmac mrimao msamay fasper ronrum "
    "slkslo bodtib cymwel frafre"
)
"""The terminological codes of ISO 639-2 that differ from the bibliographic ones."""

_CODES = {pair[:2]: pair[2:] for pair in _TWO.split()} | {pair[:3]: pair[3:] for pair in _THREE.split()}
_KNOWN = frozenset(_CODES.values())


def marc_code(language: str | None) -> str | None:
    """The MARC code of a language tag (``tr``, ``tur``, ``tr-TR``); None for what names none, or none that is known.

    Three letters are taken as they are only where they are such a code.
    """
    first = machine_lower(language or "").partition("-")[0].partition("_")[0].strip()
    return _CODES.get(first) or (first if first in _KNOWN else None)
