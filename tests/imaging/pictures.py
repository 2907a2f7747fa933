"""Generators of ordinary and odd pictures, as bytes, for every test that needs one."""

from __future__ import annotations

import base64
import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

RED, GREEN, BLUE, WHITE = (220, 40, 30), (40, 200, 60), (30, 60, 200), (240, 230, 220)

CORPUS = Path(os.environ["CALOTYPE_CORPUS"]) if os.environ.get("CALOTYPE_CORPUS") else None
needs_corpus = pytest.mark.skipif(CORPUS is None, reason="CALOTYPE_CORPUS is not set")


def quadrants(width=64, height=48):
    """RGB pixels with red, green, blue and white corners, reading order: any turn or mirroring shows."""
    pixels = np.empty((height, width, 3), np.uint8)
    top, left = (height + 1) // 2, (width + 1) // 2
    pixels[:top, :left], pixels[:top, left:] = RED, GREEN
    pixels[top:, :left], pixels[top:, left:] = BLUE, WHITE
    return pixels


def photo(width=640, height=480, seed=0):
    """RGB pixels with the spectrum of a photograph (amplitude about 1/f), different for each seed."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    frequency[0, 0] = 1
    planes = []
    for _ in range(3):
        phases = np.exp(2j * np.pi * rng.random(frequency.shape)) / frequency**1.3
        plane = np.fft.irfft2(phases, s=(height, width))
        planes.append((plane - plane.min()) / np.ptp(plane) * 255)
    return np.dstack(planes).astype(np.uint8)


def encode(pixels, kind="JPEG", **options):
    """The pixels as a file of a kind that Pillow writes."""
    stream = io.BytesIO()
    picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    picture.save(stream, kind, **options)
    return stream.getvalue()


def jpeg(pixels=None, *, orientation=None, icc=None, quality=90, **options):
    """A JPEG of the pixels, by default four coloured quadrants."""
    exif = Image.Exif()
    if orientation is not None:
        exif[274] = orientation
        options["exif"] = exif.tobytes()
    if icc is not None:
        options["icc_profile"] = icc
    pixels = quadrants() if pixels is None else pixels
    return encode(pixels, "JPEG", quality=quality, subsampling=0, **options)


def cmyk_jpeg(color=(220, 40, 30), size=(64, 48)):
    """A CMYK JPEG of one colour, inverted and marked by an Adobe segment as Photoshop writes it."""
    return encode(Image.new("RGB", size, color).convert("CMYK"), "JPEG", quality=95)


def png(width, height, rows, *, bits=8, color_type=0, palette=None):
    """A PNG written by hand: `rows` are its unfiltered bytes, without the filter byte of each row."""
    filtered = b"".join(b"\0" + bytes(row) for row in rows)
    return _png(width, height, zlib.compress(filtered, 6), bits, color_type, palette)


def png_bomb(side=20_000):
    """A valid 1-bit PNG of `side` squared pixels, all black: 48 kB that are 400 megapixels."""
    row = b"\0" + bytes((side + 7) // 8)
    deflate = zlib.compressobj(9)
    data = b"".join(deflate.compress(row * 100) for _ in range(side // 100)) + deflate.flush()
    return _png(side, side, data, 1, 0, None)


def _png(width, height, data, bits, color_type, palette):
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, color_type, 0, 0, 0))]
    if palette is not None:
        chunks.append((b"PLTE", bytes(palette)))
    chunks += [(b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


def grey_png_16(width=256, height=16, low=0, high=65535):
    """A 16-bit grey PNG that runs evenly from `low` at the left to `high` at the right."""
    ramp = np.linspace(low, high, width).astype(">u2").tobytes()
    return png(width, height, [ramp] * height, bits=16)


def animation(kind="GIF", frames=4, size=(64, 48)):
    """An animated GIF, WebP or PNG whose first frame is the quadrants and whose others are grey."""
    first = Image.fromarray(quadrants(*size))
    others = [Image.new("RGB", size, (40 * n, 40 * n, 40 * n)) for n in range(1, frames)]
    return encode(first, kind, save_all=True, append_images=others, duration=100, loop=0)


PRIMARIES = {
    "srgb": ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)),
    "p3": ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    "adobe": ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)),
}
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
D50, D65 = np.array([0.9642, 1.0, 0.8249]), np.array([0.95047, 1.0, 1.08883])


def to_xyz(space):
    """The matrix from linear light in a named space to XYZ under D65."""
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in PRIMARIES[space]]).T
    return columns * np.linalg.solve(columns, D65)


def icc_profile(space="p3", curve="srgb"):
    """An ICC profile (version 2 or 4 tags) with the primaries of a named space; `curve` is "srgb" or a gamma."""
    adapt = np.linalg.inv(BRADFORD) @ np.diag((BRADFORD @ D50) / (BRADFORD @ D65)) @ BRADFORD
    colorants = adapt @ to_xyz(space)
    tags = {
        name: b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in column))
        for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), colorants.T, strict=True)
    }
    tags[b"wtpt"] = b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in D50))
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _curve(curve))
    tags[b"desc"] = _text(b"desc", space)
    return _profile(b"RGB ", tags)


def grey_icc_profile(gamma=1.0):
    """An ICC profile for grey of one gamma."""
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in D50))
    return _profile(b"GRAY", {b"kTRC": _curve(gamma), b"wtpt": white, b"desc": _text(b"desc", "grey")})


def _curve(curve):
    if curve != "srgb":
        return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(curve * 256)) + b"\0\0"
    numbers = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    return b"para\0\0\0\0" + struct.pack(">HH5i", 3, 0, *(round(value * 65536) for value in numbers))


def _text(kind, text):
    data = text.encode() + b"\0"
    return kind + b"\0\0\0\0" + struct.pack(">I", len(data)) + data + bytes(78)


def _profile(space, tags):
    offset, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        table += name + struct.pack(">II", offset + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = offset + len(body)
    header = struct.pack(">I4xI4s4s4s12x4s", size, 0x02400000, b"mntr", space, b"XYZ ", b"acsp")
    header = header.ljust(68, b"\0") + struct.pack(">3i", *(round(value * 65536) for value in D50))
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def dng(cfa=None, *, preview=None, orientation=1):
    """A small DNG: uncompressed RGGB sensor values, 16 bits, with a JPEG preview of the given pixels."""
    if cfa is None:
        cfa = np.full((64, 96), 3000, np.uint16)
        cfa[0::2, 0:48:2] = cfa[1::2, 49::2] = 53000
    preview = np.full((8, 12, 3), 128, np.uint8) if preview is None else preview
    picture = encode(preview, "JPEG", quality=92, subsampling=0)
    rows, columns = cfa.shape
    sensor = cfa.astype("<u2").tobytes()

    def sensor_ifd(at, offset):
        tags = [(254, "I", [0]), (256, "I", [columns]), (257, "I", [rows]), (258, "H", [16]), (259, "H", [1])]
        tags += [(262, "H", [32803]), (273, "I", [offset]), (277, "H", [1]), (278, "I", [rows])]
        tags += [(279, "I", [len(sensor)]), (284, "H", [1]), (33421, "H", [2, 2]), (33422, "B", [0, 1, 1, 2])]
        return _ifd([*tags, (50714, "H", [0]), (50717, "I", [65535])], at)

    def main_ifd(at, sub, offset):
        tall, wide = preview.shape[:2]
        tags = [(254, "I", [1]), (256, "I", [wide]), (257, "I", [tall]), (258, "H", [8, 8, 8])]
        tags += [(259, "H", [7]), (262, "H", [6]), (271, "s", b"Calotype\0"), (272, "s", b"Sample\0")]
        tags += [(273, "I", [offset]), (274, "H", [orientation]), (277, "H", [3]), (278, "I", [tall])]
        tags += [(279, "I", [len(picture)]), (330, "I", [sub]), (50706, "B", [1, 4, 0, 0])]
        identity = [1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1]
        tags += [(50708, "s", b"Calotype Sample\0"), (50721, "ii", identity), (50728, "II", [1] * 6)]
        return _ifd([*tags, (50778, "H", [21])], at)

    sub = 8 + len(main_ifd(8, 0, 0))
    start = sub + len(sensor_ifd(sub, 0))
    end = start + len(picture) + len(picture) % 2
    head = struct.pack("<2sHI", b"II", 42, 8) + main_ifd(8, sub, start) + sensor_ifd(sub, end)
    return head + picture.ljust(end - start, b"\0") + sensor


def _ifd(tags, at):
    kinds = {"B": 1, "s": 2, "H": 3, "I": 4, "II": 5, "ii": 10}
    entries, extra, after = b"", b"", at + 2 + 12 * len(tags) + 4
    for tag, kind, values in tags:
        data = bytes(values) if kind == "s" else struct.pack(f"<{len(values)}{kind[0]}", *values)
        entries += struct.pack("<HHI", tag, kinds[kind], len(values) // len(kind))
        if len(data) <= 4:
            entries += data.ljust(4, b"\0")
        else:
            entries += struct.pack("<I", after + len(extra))
            extra += data + bytes(len(data) % 2)
    return struct.pack("<H", len(tags)) + entries + bytes(4) + extra


def heic(kind="plain"):
    """A 64 x 48 HEIC of the quadrants: "plain", "alpha" (red is transparent) or "turned".

    The turned one is stored lying, with a rotation in its container and an EXIF orientation of 6 beside it, as
    phones write it. No encoder is at hand here, so these were encoded once and are kept as text.
    """
    return zlib.decompress(base64.b85decode(HEIC[kind]))


def jxl(kind="plain"):
    """A 64 x 48 lossless JPEG XL of the quadrants: "plain" or "alpha" (red is transparent)."""
    return base64.b85decode(JXL[kind])


HEIC = {
    "plain": (
        "c-muNV30{GsVvAy%}izhg51nBLl8SRGck>Ufw49>wIq=N0u(b+a*CjAhJwuG5(YG&l$nzcHpIn&fe{FSfN>#&27-@3telydm"
        "j>p6L`8v|R3<1dqb%7F#N;c;EXjo{`I}i#Q~;#!W)>vp1L-oLGG|6+kkACMBDoI?fBydX!N9=JoB-4z;lRkl`2Rmh0W(MiGY"
        "HA;Vsc0XN@_VVGNQ>WP-tYG_Ug&9ojW)(3>1Ju%pih6F$t)g&4uw`@qtdDCBn)1IYoKNITb)rUIw-XppZyraX~87XAV%Tk(`"
        "rQ0A+(5Zvdr1fa(AL{~tg!5DOG!R%C(%nK?K(fRsdLK`tzif#Js5$i&Rr0%ZTpO-Td=@>>nY^?VOrl{TpCt^NM||3~Xj@=EE"
        "&%npIt#rzNdU;6cx|9^<T%#ZieE<JNpEvfIm)3DWk!>@M#kCXm?7g``I+hkOK@bZR7$NsOVNctn|`IqzWrzP9>w?7HykDKyJ"
        "wmYU?Z9-61_K%9`hfaR@e{7!JQ#lVt^~GkX8-@KORroLHY+mnW9&R=1)51$1j%--J{QdfOQoq~fs<<OGm$2Qh-~Kl#BmH2bQ"
        "BFYn)`L4zm#i(=^4`+>+_F|Cy+7(R56^OK6iUuzkapjh`zp=mk+Q@-&%kh%ect_rnorj0M1@+~s|M+P?wsS9^W)>|kNsIy04"
        "OfS-v"
    ),
    "alpha": (
        "c-muNV30{GsVvAy%}izhg51nBLl8SRGck>UfhjvTwIq=N0u(b+a*CjAhJwuG5(YG2l9`haHpIn&fr)_;#A51)&_M7JC<X+~4"
        "R8?~AhyWN%u56FK(eAhPAXU#P)$ZzvLOSCAQM86uOPD|mjSAhaaCqPQ2~%{$}C9E2a1&el{qsq1BDnSfECGoVEFU*#}5Vue&"
        "z(A4haWF9>)LwK?;~bDwsh?ZWoh7B2ZGxiIEXaW`RN@>$F!-mhIfZkzt?!6k-Mu42nrW<!mmD2a6AM0xc0v&d({zOU|hPit;"
        "kBH2{S~GK&jRq26_XVvXdS!~!TA6ch$f8tlXW|Nno028KXEW<@4A$T&DSKtT@n6bpzs{|C%de-NG$hj<F4fEla;=ysT&RDpg"
        "%l{nDEA{M=R(yV6(fbQgJ0139BdWR2YKO@LW^~BN&XArNnD9<XlAT`}8Beg8q%E-Xb)Cwq-nPLTw7lq7%Tv&nurUBMQCT7+a"
        "1}4@vX7-L2pqNx<QED1go)4%m2b@wsacG*Gk_bvtZ#5X#^F4S~+Mu$x_WSeyAFV&hE2S4RI|OPM^FRE5>DO2O{~`V|Ki*Hf^"
        "vqGUq`v!3!&dtZzuNsjPWt~{Xo0M3lTrP_%NrgY`@f<h>5r`EU(UaumTceO{v?<`Zptg!?wESD2|-!eKPsjlI{D%Mv3Yh+<v"
        "bYG7n`MS6!w!;;lH4>dA*l;xYeXj3om^*vSI!5_v_zD{ce}5;*QW<!gjxY``@ID^n;B?IRWik5AH}^vbJE$drR+g%UYTA{;1"
        "D9Jj=CFC^?rw+I?s4t2CQO$`boL1H)DJdG{A;K3S&|6>4d(8l?BRbB<@ukB_fE_GeXrvVaETI@trExqS5!OC(R8c=*5F<C6Z"
        "9bwxM-Y5rUlwfX;#wq%ucOG}qMdHwl(?CX$S|JEPW+h>&^cmM!n5)|G"
    ),
    "turned": (
        "c-muNV30{GsVvAy%}izhg51nBLl8SRGck>Uf$>CcYDppk1Sn>t<P<^K3<a6VB@Af5Br_);Y>0~k0}}%yh{gB@LIc4^pcoJ^-"
        "Gz&&0I@}8W?mYY2a**9a#F#{fNC<zk_{P<1Q|g}Tq`oc%J~X1OL7^YDjC@`3yKPW>}Qz;$@xIK45-(ckr^a30jx;w1H+%cKY"
        "lPU@G~a>bx1fc@-Y7Y4^qGkQo#&Da=Vxu5`mIhPK=CbG7A(MS*N{vvTWxLjtm0@pb#^NU{Fi~Dra+HJXn076KIKWa(+%xUUE"
        "(aP?VQ}tpO+`l384k3iYl76l)~sBo;u~pr9~-(%?Y&|Ns97XkZ8wWL9K?1erNFIDiyqW>J0#&^-*2nFYD9NMU4PWNTz%W^HK"
        "$a-=egQq!Oke90-r$>3-J1(0lRN+Kw}-fA$e=X>y~v_WNW?f2*ZKU#m1S4uBtb_moi=70GA(yy=l|3my`e!QP{>6xQyNqzU7"
        "hOPD+ezp65ob>;@&;nW6CZqa;mp42*_J2i1(jQsRznp(RE!n=m{Yfx?+>}?c-7)oQ6N0j`e^g9Abn?UhWAp5u%6TxVFE&fvD"
        "C{Sx!hb<$^Lj7yaH~n57GC;rWW)O9@7KSR`rR&9#T}u!gzbL)_P<FP=?5E)ast}79^8?-WNpEg_m<x0mbEhJ{ZXHJc$RCUP;"
        "xGVwENE7S7|nnlqL3g28OHb^X@Oye6mg_D%8?mHAwGs=N!+RA0J<T?9ZwKdYBE8V0?WUw17Mg21Z69P@IC|4H8ZOuuRcn"
    ),
}
JXL = {
    "plain": ("{|d`MBnSin0L%bOC^kl)juaG309TjCLH++9|6}|M1OX688v>xT3;u|<H$Z25qkJw5UWbKOXo5s+jsX"),
    "alpha": ("{|d{%N(c}T0N4OaC?v*}3JRte;a=4L|1riG{{lh)1c?LyO#g$M)DGYD5d;`TSy|@CP`!_VN59IO=p-i`C;"),
}
