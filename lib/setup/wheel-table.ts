/** The wheels that libtorch is made of: their versions, and for each platform the size and the SHA-256 of the file. */

export type WheelPlatform = 'x64' | 'arm64';

export interface PinnedFile {
  readonly bytes: number;
  /** Hexadecimal. A file with another hash is refused, wherever it comes from. */
  readonly sha256: string;
}

export interface Wheel {
  readonly name: string;
  readonly version: string;
  /** Empty for a wheel whose hash only its index knows. */
  readonly files: Readonly<Partial<Record<WheelPlatform, PinnedFile>>>;
  /** About: of a wheel without pinned files. */
  readonly bytes?: number;
}

/** The wheels of a libtorch for one major version of CUDA. */
export interface LibtorchWheels {
  readonly torch: Wheel;
  /** What libtorch_cpu.so itself links to, by the pins of torch's metadata. */
  readonly companions: readonly Wheel[];
  /** What libtorch_cuda.so links to besides, directly or through one of these. */
  readonly cudaCompanions: readonly Wheel[];
}

export type CudaMajor = 12 | 13;

export const CUDA_MAJORS: readonly CudaMajor[] = [12, 13];

function pinned(name: string, version: string, files: Wheel['files']): Wheel {
  return { name, version, files };
}

/** The wheel for Linux serves as libtorch: the libraries are the same with and without a GPU. */
export const torch = pinned('torch', '2.11.0', {
  x64: { bytes: 530_712_279, sha256: '0f68f4ac6d95d12e896c3b7a912b5871619542ec54d3649cf48cc1edd4dd2756' },
  arm64: { bytes: 419_731_115, sha256: 'f99924682ef0aa6a4ab3b1b76f40dc6e273fca09f367d15a524266db100a723f' },
});

const forCuda13: LibtorchWheels = {
  torch,
  companions: [
    pinned('nvidia-cuda-runtime', '13.0.96', {
      x64: { bytes: 2_243_632, sha256: '7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548' },
      arm64: { bytes: 2_261_060, sha256: 'ef9bcbe90493a2b9d810e43d249adb3d02e98dd30200d86607d8d02687c43f55' },
    }),
    pinned('nvidia-cuda-cupti', '13.0.85', {
      x64: { bytes: 10_715_597, sha256: '4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8' },
      arm64: { bytes: 10_310_827, sha256: '796bd679890ee55fb14a94629b698b6db54bcfd833d391d5e94017dd9d7d3151' },
    }),
  ],
  cudaCompanions: [
    pinned('nvidia-cublas', '13.1.0.3', {
      x64: { bytes: 423_133_236, sha256: 'ee8722c1f0145ab246bccb9e452153b5e0515fd094c3678df50b2a0888b8b171' },
      arm64: { bytes: 542_851_226, sha256: 'c86fc7f7ae36d7528288c5d88098edcb7b02c633d262e7ddbb86b0ad91be5df2' },
    }),
    pinned('nvidia-cuda-nvrtc', '13.0.88', {
      x64: { bytes: 90_215_200, sha256: 'ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575' },
      arm64: { bytes: 43_015_449, sha256: 'd27f20a0ca67a4bb34268a5e951033496c5b74870b868bacd046b1b8e0c3267b' },
    }),
    pinned('nvidia-cudnn-cu13', '9.19.0.56', {
      x64: { bytes: 366_066_321, sha256: 'd20e1734305e9d68889a96e3f35094d733ff1f83932ebe462753973e53a572bf' },
      arm64: { bytes: 433_781_201, sha256: '6ed29ffaee1176c612daf442e4dd6cfeb6a0caa43ddcbeb59da94953030b1be4' },
    }),
    pinned('nvidia-cufft', '12.0.0.61', {
      x64: { bytes: 214_085_489, sha256: '6c44f692dce8fd5ffd3e3df134b6cdb9c2f72d99cf40b62c32dde45eea9ddad3' },
      arm64: { bytes: 214_053_554, sha256: '2708c852ef8cd89d1d2068bdbece0aa188813a0c934db3779b9b1faa8442e5f5' },
    }),
    pinned('nvidia-cufile', '1.15.1.6', {
      x64: { bytes: 1_223_672, sha256: '08a3ecefae5a01c7f5117351c64f17c7c62efa5fffdbe24fc7d298da19cd0b44' },
      arm64: { bytes: 1_136_992, sha256: 'bdc0deedc61f548bddf7733bdc216456c2fdb101d020e1ab4b88d232d5e2f6d1' },
    }),
    pinned('nvidia-curand', '10.4.0.35', {
      x64: { bytes: 59_544_258, sha256: '1aee33a5da6e1db083fe2b90082def8915f30f3248d5896bcec36a579d941bfc' },
      arm64: { bytes: 61_962_106, sha256: '133df5a7509c3e292aaa2b477afd0194f06ce4ea24d714d616ff36439cee349a' },
    }),
    pinned('nvidia-cusolver', '12.0.4.66', {
      x64: { bytes: 200_941_980, sha256: '0a759da5dea5c0ea10fd307de75cdeb59e7ea4fcb8add0924859b944babf1112' },
      arm64: { bytes: 223_467_760, sha256: '02c2457eaa9e39de20f880f4bd8820e6a1cfb9f9a34f820eb12a155aa5bc92d2' },
    }),
    pinned('nvidia-cusparse', '12.6.3.3', {
      x64: { bytes: 145_942_937, sha256: '2b3c89c88d01ee0e477cb7f82ef60a11a4bcd57b6b87c33f789350b59759360b' },
      arm64: { bytes: 162_155_568, sha256: '80bcc4662f23f1054ee334a15c72b8940402975e0eab63178fc7e670aa59472c' },
    }),
    pinned('nvidia-cusparselt-cu13', '0.8.0', {
      x64: { bytes: 169_884_119, sha256: '25e30a8a7323935d4ad0340b95a0b69926eee755767e8e0b1cf8dd85b197d3fd' },
      arm64: { bytes: 220_791_277, sha256: '400c6ed1cf6780fc6efedd64ec9f1345871767e6a1a0a552a1ea0578117ea77c' },
    }),
    pinned('nvidia-nccl-cu13', '2.28.9', {
      x64: { bytes: 196_493_177, sha256: 'e4553a30f34195f3fa1da02a6da3d6337d28f2003943aa0a3d247bbc25fefc42' },
      arm64: { bytes: 196_561_677, sha256: '01c873ba1626b54caa12272ed228dc5b2781545e0ae8ba3f432a8ef1c6d78643' },
    }),
    pinned('nvidia-nvjitlink', '13.0.88', {
      x64: { bytes: 40_713_933, sha256: '13a74f429e23b921c1109976abefacc69835f2f433ebd323d3946e11d804e47b' },
      arm64: { bytes: 38_768_748, sha256: 'e931536ccc7d467a98ba1d8b89ff7fa7f1fa3b13f2b0069118cd7f47bff07d0c' },
    }),
    pinned('nvidia-nvshmem-cu13', '3.4.5', {
      x64: { bytes: 60_412_546, sha256: '290f0a2ee94c9f3687a02502f3b9299a9f9fe826e6d0287ee18482e78d495b80' },
      arm64: { bytes: 60_215_947, sha256: '6dc2a197f38e5d0376ad52cd1a2a3617d3cdc150fd5966f4aee9bcebb1d68fe9' },
    }),
    pinned('nvidia-nvtx', '13.0.85', {
      x64: { bytes: 148_047, sha256: '4936d1d6780fbe68db454f5e72a42ff64d1fd6397df9f363ae786930fd5c1cd4' },
      arm64: { bytes: 148_878, sha256: 'cb7780edb6b14107373c835bf8b72e7a178bac7367e23da7acb108f973f157a6' },
    }),
  ],
};

/** For NVIDIA drivers from 525, which cannot run CUDA 13. PyTorch keeps this wheel of libtorch in an index of its own. */
const forCuda12: LibtorchWheels = {
  torch: { name: 'torch', version: '2.11.0+cu128', files: {}, bytes: 900_000_000 },
  companions: [
    pinned('nvidia-cuda-runtime-cu12', '12.8.90', {
      x64: { bytes: 954_765, sha256: 'adade8dcbd0edf427b7204d480d6066d33902cab2a4707dcfc48a2d0fd44ab90' },
      arm64: { bytes: 965_265, sha256: '52bf7bbee900262ffefe5e9d5a2a69a30d97e2bc5bb6cc866688caa976966e3d' },
    }),
    pinned('nvidia-cuda-cupti-cu12', '12.8.90', {
      x64: { bytes: 10_248_621, sha256: 'ea0cb07ebda26bb9b29ba82cda34849e73c166c18162d3913575b0c9db9a6182' },
      arm64: { bytes: 9_533_318, sha256: '4412396548808ddfed3f17a467b104ba7751e6b58678a4b840675c56d21cf7ed' },
    }),
  ],
  cudaCompanions: [
    pinned('nvidia-cublas-cu12', '12.8.4.1', {
      x64: { bytes: 594_346_921, sha256: '8ac4e771d5a348c551b2a426eda6193c19aa630236b418086020df5ba9667142' },
      arm64: { bytes: 590_537_124, sha256: 'b86f6dd8935884615a0683b663891d43781b819ac4f2ba2b0c9604676af346d0' },
    }),
    pinned('nvidia-cuda-nvrtc-cu12', '12.8.93', {
      x64: { bytes: 88_040_029, sha256: 'a7756528852ef889772a84c6cd89d41dfa74667e24cca16bb31f8f061e3e9994' },
      arm64: { bytes: 43_106_076, sha256: 'fc1fec1e1637854b4c0a65fb9a8346b51dd9ee69e61ebaccc82058441f15bce8' },
    }),
    pinned('nvidia-cudnn-cu12', '9.19.0.56', {
      x64: { bytes: 657_906_812, sha256: 'ac6ad90a075bb33a94f2b4cf4622eac13dd4dc65cf6dd9c7572a318516a36625' },
      arm64: { bytes: 656_910_700, sha256: '08caaf27fe556aca82a3ee3b5aa49a77e7de0cfcb7ff4e5c29da426387a8267e' },
    }),
    pinned('nvidia-cufft-cu12', '11.3.3.83', {
      x64: { bytes: 193_118_695, sha256: '4d2dd21ec0b88cf61b62e6b43564355e5222e4a3fb394cac0db101f2dd0d4f74' },
      arm64: { bytes: 193_109_211, sha256: '848ef7224d6305cdb2a4df928759dca7b1201874787083b6e7550dd6765ce69a' },
    }),
    pinned('nvidia-cufile-cu12', '1.13.1.3', {
      x64: { bytes: 1_197_834, sha256: '1d069003be650e131b21c932ec3d8969c1715379251f8d23a1860554b1cb24fc' },
      arm64: { bytes: 1_120_705, sha256: '4beb6d4cce47c1a0f1013d72e02b0994730359e17801d395bdcbf20cfb3bb00a' },
    }),
    pinned('nvidia-curand-cu12', '10.3.9.90', {
      x64: { bytes: 63_619_976, sha256: 'b32331d4f4df5d6eefa0554c565b626c7216f87a06a4f56fab27c3b68a830ec9' },
      arm64: { bytes: 63_625_754, sha256: 'dfab99248034673b779bc6decafdc3404a8a6f502462201f2f31f11354204acd' },
    }),
    pinned('nvidia-cusolver-cu12', '11.7.3.90', {
      x64: { bytes: 267_506_905, sha256: '4376c11ad263152bd50ea295c05370360776f8c3427b30991df774f9fb26c450' },
      arm64: { bytes: 267_229_841, sha256: 'db9ed69dbef9715071232caa9b69c52ac7de3a95773c2db65bdba85916e4e5c0' },
    }),
    pinned('nvidia-cusparse-cu12', '12.5.8.93', {
      x64: { bytes: 288_216_466, sha256: '1ec05d76bbbd8b61b06a80e1eaf8cf4959c3d4ce8e711b65ebd0443bb0ebb13b' },
      arm64: { bytes: 288_117_129, sha256: '9b6c161cb130be1a07a27ea6923df8141f3c295852f4b260c65f18f3e0a091dc' },
    }),
    pinned('nvidia-cusparselt-cu12', '0.7.1', {
      x64: { bytes: 287_193_691, sha256: 'f1bb701d6b930d5a7cea44c19ceb973311500847f81b634d802b7b539dc55623' },
      arm64: { bytes: 283_835_557, sha256: '8878dce784d0fac90131b6817b607e803c36e629ba34dc5b433471382196b6a5' },
    }),
    pinned('nvidia-nccl-cu12', '2.28.9', {
      x64: { bytes: 296_782_137, sha256: '485776daa8447da5da39681af455aa3b2c2586ddcf4af8772495e7c532c7e5ab' },
      arm64: { bytes: 296_766_525, sha256: '50a36e01c4a090b9f9c47d92cec54964de6b9fcb3362d0e19b8ffc6323c21b60' },
    }),
    pinned('nvidia-nvjitlink-cu12', '12.8.93', {
      x64: { bytes: 39_254_836, sha256: '81ff63371a7ebd6e6451970684f916be2eab07321b73c9d244dc2b4da7f73b88' },
      arm64: { bytes: 38_386_204, sha256: 'adccd7161ace7261e01bb91e44e88da350895c270d23f744f0820c818b7229e7' },
    }),
    pinned('nvidia-nvshmem-cu12', '3.4.5', {
      x64: { bytes: 139_103_095, sha256: '042f2500f24c021db8a06c5eec2539027d57460e1c1a762055a6554f72c369bd' },
      arm64: { bytes: 138_936_938, sha256: '0b48363fc6964dede448029434c6abed6c5e37f823cb43c3bcde7ecfc0457e15' },
    }),
    pinned('nvidia-nvtx-cu12', '12.8.90', {
      x64: { bytes: 89_954, sha256: '5b17e2001cc0d751a5bc2c6ec6d26ad95913324a4adb86788c944f8ce9ba441f' },
      arm64: { bytes: 91_161, sha256: 'd7ad891da111ebafbf7e015d34879f7112832fc239ff0d7d776b6cb685274615' },
    }),
  ],
};

export const libtorchWheels: Readonly<Record<CudaMajor, LibtorchWheels>> = { 12: forCuda12, 13: forCuda13 };

/** `torch 2.11.0`: how messages and records name a wheel. */
export function titleOf({ name, version }: Pick<Wheel, 'name' | 'version'>): string {
  return `${name} ${version}`;
}
