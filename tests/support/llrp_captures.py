"""Messages that an Impinj reader said (firmware 5.14.0.240), without their headers, and what stands in them.

Captured by EdgeX Foundry (device-rfid-llrp-go, Apache-2.0), whose own decoder said the values; compressed here.
"""

import base64
import zlib

CAPABILITIES = zlib.decompress(
    base64.b85decode(
        "c-n>3TWl0n7zgnG%$}J!Gt=+1-EOzr-"
        "R*X}ZMPTb(k=zHC@hF=L8y3%i9Dz=ff%Ab;EVcz`yx?6keUE71`~rX7>&NDG0_J#M2R5{5s6$h3SIySUIND8ZT7#Z@j>h)XMW%0K"
        "bPd3^NrOBjoR^)wHK-q6&upXJ-"
        "G?NqSDA{X}DA#9mclk9xIA!+6ZV2AysIg4urZe)I%fHXrexvX@EEl(Lx)Lpn_Ivkfe=hqfJQBX0+2d(zFE`nn0GeqJt)pqiyJ<Dd"
        "cH8x@Z~&nn5?sqK9^%m*!BUo#>-"
        "^^wTa3&;kZ&H|EhE%%{B=qD7Qw9~RJl)aP#iBXkgDJi~cY*dEP_1<PV#&la)SLe+{L$WB^Zq1riL*EtiZu~WSon~biXRWD;#ZH;2"
        "zQ(IXyrqWcYh15}NsH-+mPi>)E?V-MUod)V-"
        "8mg~pgStY+Nl@bq(MD&SHaYjuX6F$acXrVh=KxJOAJA6kBuzS(Xq#(j%I%}=ZiS}ZyJ*JUOtbDb+Tre}Irm-"
        "K>3&A@?nT<=X<G2QXty^;d%W9eulE2gdQZ?kZy)XV-l7BE3?1~&(s|mZ^L2&}=}}tJYv}^Lkq+y}>4@G-"
        "%lZwvP#>bB`ZQgnf2WK6R(g$JqSyKp^g91uI_5u0m-y54djA!Aga092>Yt*^{L8cwG}7fkKV1<lr#A-c>B`_?dQ-5SjtBMqG7-E-"
        "Cxc^jRq!KS9s2a<ut3*@OX%A04muS+NN)+Z(skjB^w#igOyg)3&tWForDe#M??X-"
        ";hsiI7d^ZjGW*<yXE^6}2keLEZF%Dy1g2}CbagV@cryy6-"
        "F!~_m;(aiMLC7BlMtuSKWi{lhHz9x7kW+^t2k(Yy+70>XPRMUXnAAqdCu5L9<B*STgM9ui<kvDxdOhUALooI^$oa=0rw_oypN1Ss"
        "LXQ3k)9@Nhax>)90CH(5<m^_M;2p@ZpJ5VPAcsrVq_xso#pXj5wvA{Vq9!~Eq&C$@)Rpzzs#^b>+f_Sia8+6dM4Js$`TF=Lk5yw)"
        "Za;tjRdN+Q|F8FF&eX?j9{m7#yiob?@5j!~k)NL<|6z{&!d3GLcoo=x18ArAEC"
    )
)
CONFIG = zlib.decompress(
    base64.b85decode(
        "c-obaI}XAy5JYF~d<-cN6cHUXX*mND9SzWP5~^H>irXN8`4@-"
        "=XrK<e*`z01_>JwcM;aQyL1vE*Sf*J~bh9mvXyqV2X91X6*jfZEP8hM}jEL6@+NFI#Q}jVIIQsx-j%18s86a-"
        "c$ZZ?BgTLJ$Oz=f4Qa}o$u!<lr5$Y~d#0r<=iJswyFC-~wDYiF4!VYe=-rRAJie#=_DOEHTZAGcjYrfZfulWMLyz#d`Ao4m7"
    )
)
REPORTS = {
    "00F0 001F 8D 3000ABCDEF00000000000003 81 0001 86 D0 82 0005A9E4BEF862E0": (
        "3000ABCDEF00000000000003",
        -48,
        1594174805140192,
    ),
    "00F0 001F 8D 3000ABCDEF00000000000005 81 0001 86 D1 82 0005A9E4BEF876B4": (
        "3000ABCDEF00000000000005",
        -47,
        1594174805145268,
    ),
    "00F0 001F 8D 301430A55C0AC30000000009 81 0001 86 CA 82 0005A9E4BEF88110": (
        "301430A55C0AC30000000009",
        -54,
        1594174805147920,
    ),
}
"""RO_ACCESS_REPORT: EPC, RSSI, first seen; antenna 1, and nothing else is told."""
