"""The decoders that may be used.

FFmpeg has hundreds more, most of them for the files of one old program, and little tested.
"""

from __future__ import annotations

_PICTURES = """
    libdav1d av1 h264 hevc vvc vp8 vp9 libvpx libvpx-vp9 vp6 vp6a vp6f vp7 theora mpeg1video mpeg2video mpegvideo mpeg4
    msmpeg4v1 msmpeg4v2 msmpeg4 wmv1 wmv2 wmv3 vc1 vc1image h261 h263 h263i h263p flv flashsv flashsv2 svq1 svq3 cinepak
    msvideo1 indeo2 indeo3 indeo4 indeo5 rv30 rv40 dvvideo mjpeg mjpegb prores dnxhd cfhd jpeg2000 ffv1 huffyuv ffvhuff
    utvideo magicyuv lagarith hap rawvideo v210 r210 v308 v408 v410 qtrle rpza smc 8bps png apng gif tscc tscc2 zmbv cscd
"""
_SOUND = """
    aac aac_fixed aac_latm mp3float mp3 mp2float mp2 mp1float mp1 opus libopus vorbis flac alac ac3 ac3_fixed eac3 dca
    truehd mlp amrnb amrwb wmav1 wmav2 wmapro wmalossless wmavoice cook speex nellymoser qdm2 gsm gsm_ms adpcm_ima_qt
    adpcm_ima_wav adpcm_ms adpcm_swf pcm_alaw pcm_mulaw pcm_u8 pcm_s8 pcm_s16le pcm_s16be pcm_s24le pcm_s24be pcm_s32le
    pcm_s32be pcm_f32le pcm_f32be pcm_f64le pcm_f64be pcm_bluray pcm_dvd pcm_lxf
"""
DECODERS = frozenset((*_PICTURES.split(), *_SOUND.split()))
"""FFmpeg's names of the decoders of what people have films in."""
