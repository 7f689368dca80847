// Made by test/fixtures/make_hub_table.py from timm 1.0.29, torchvision 0.28.0 and timm's
// results/results-imagenet.csv at aa4b5850c1543fa488abf260f18390eda46cf85d. table.ts says what the columns are.

/** Repositories timm/NAME on the hub, file model.safetensors. */
export const TIMM = `
resnetrs50.tf_in1k resnet-rs-50 - 224 0.91 bicubic imagenet 79.934 apache-2.0 35745288
resnetrs101.tf_in1k resnet-rs-101 - 288 0.94 bicubic imagenet 82.288 apache-2.0 63724296
resnetrs152.tf_in1k resnet-rs-152 - 320 1 bicubic imagenet 83.71 apache-2.0 86773256
resnetrs200.tf_in1k resnet-rs-200 - 320 1 bicubic imagenet 84.448 apache-2.0 93386248
resnetrs270.tf_in1k resnet-rs-270 - 352 1 bicubic imagenet 84.438 apache-2.0 130104520
resnetrs350.tf_in1k resnet-rs-350 - 384 1 bicubic imagenet 84.71 apache-2.0 164268360
resnetrs420.tf_in1k resnet-rs-420 - 416 1 bicubic imagenet 85.01 apache-2.0 192262216
tf_efficientnet_b0.aa_in1k efficientnet-b0 - 224 0.875 bicubic imagenet 76.882 apache-2.0 5330564
tf_efficientnet_b0.ap_in1k efficientnet-b0 - 224 0.875 bicubic half 77.1 apache-2.0 5330564
tf_efficientnet_b0.in1k efficientnet-b0 - 224 0.875 bicubic imagenet 76.542 apache-2.0 5330564
tf_efficientnet_b0.ns_jft_in1k efficientnet-b0 - 224 0.875 bicubic imagenet 78.68 apache-2.0 5330564
tf_efficientnet_b1.aa_in1k efficientnet-b1 - 240 0.882 bicubic imagenet 78.84 apache-2.0 7856232
tf_efficientnet_b1.ap_in1k efficientnet-b1 - 240 0.882 bicubic half 79.288 apache-2.0 7856232
tf_efficientnet_b1.in1k efficientnet-b1 - 240 0.882 bicubic imagenet 78.546 apache-2.0 7856232
tf_efficientnet_b1.ns_jft_in1k efficientnet-b1 - 240 0.882 bicubic imagenet 81.388 apache-2.0 7856232
tf_efficientnet_b2.aa_in1k efficientnet-b2 - 260 0.89 bicubic imagenet 80.074 apache-2.0 9177562
tf_efficientnet_b2.ap_in1k efficientnet-b2 - 260 0.89 bicubic half 80.3 apache-2.0 9177562
tf_efficientnet_b2.in1k efficientnet-b2 - 260 0.89 bicubic imagenet 79.612 apache-2.0 9177562
tf_efficientnet_b2.ns_jft_in1k efficientnet-b2 - 260 0.89 bicubic imagenet 82.412 apache-2.0 9177562
tf_efficientnet_b3.aa_in1k efficientnet-b3 - 300 0.904 bicubic imagenet 81.648 apache-2.0 12320528
tf_efficientnet_b3.ap_in1k efficientnet-b3 - 300 0.904 bicubic half 81.842 apache-2.0 12320528
tf_efficientnet_b3.in1k efficientnet-b3 - 300 0.904 bicubic imagenet 80.878 apache-2.0 12320528
tf_efficientnet_b3.ns_jft_in1k efficientnet-b3 - 300 0.904 bicubic imagenet 84.054 apache-2.0 12320528
tf_efficientnet_b4.aa_in1k efficientnet-b4 - 380 0.922 bicubic imagenet 83.04 apache-2.0 19466816
tf_efficientnet_b4.ap_in1k efficientnet-b4 - 380 0.922 bicubic half 83.246 apache-2.0 19466816
tf_efficientnet_b4.in1k efficientnet-b4 - 380 0.922 bicubic imagenet 82.598 apache-2.0 19466816
tf_efficientnet_b4.ns_jft_in1k efficientnet-b4 - 380 0.922 bicubic imagenet 85.156 apache-2.0 19466816
tf_efficientnet_b5.aa_in1k efficientnet-b5 - 456 0.934 bicubic imagenet 83.696 apache-2.0 30562520
tf_efficientnet_b5.ap_in1k efficientnet-b5 - 456 0.934 bicubic half 84.258 apache-2.0 30562520
tf_efficientnet_b5.in1k efficientnet-b5 - 456 0.934 bicubic imagenet 83.17 apache-2.0 30562520
tf_efficientnet_b5.ns_jft_in1k efficientnet-b5 - 456 0.934 bicubic imagenet 86.096 apache-2.0 30562520
tf_efficientnet_b5.ra_in1k efficientnet-b5 - 456 0.934 bicubic imagenet 83.834 apache-2.0 30562520
tf_efficientnet_b6.aa_in1k efficientnet-b6 - 528 0.942 bicubic imagenet 84.124 apache-2.0 43265136
tf_efficientnet_b6.ap_in1k efficientnet-b6 - 528 0.942 bicubic half 84.794 apache-2.0 43265136
tf_efficientnet_b6.ns_jft_in1k efficientnet-b6 - 528 0.942 bicubic imagenet 86.476 apache-2.0 43265136
tf_efficientnet_b7.aa_in1k efficientnet-b7 - 600 0.949 bicubic imagenet 84.424 apache-2.0 66658680
tf_efficientnet_b7.ap_in1k efficientnet-b7 - 600 0.949 bicubic half 85.132 apache-2.0 66658680
tf_efficientnet_b7.ns_jft_in1k efficientnet-b7 - 600 0.949 bicubic imagenet 86.85 apache-2.0 66658680
tf_efficientnet_b7.ra_in1k efficientnet-b7 - 600 0.949 bicubic imagenet 84.926 apache-2.0 66658680
efficientnet_b0.ra4_e3600_r224_in1k efficientnet-b0 even 256 1 bicubic half 79.364 apache-2.0 5330564
efficientnet_b0.ra_in1k efficientnet-b0 even 224 0.875 bicubic imagenet 77.698 apache-2.0 5330564
efficientnet_b1.ft_in1k efficientnet-b1 even 256 1 bicubic imagenet 78.806 apache-2.0 7856232
efficientnet_b1.ra4_e3600_r240_in1k efficientnet-b1 even 288 1 bicubic half 81.444 apache-2.0 7856232
efficientnet_b2.ra_in1k efficientnet-b2 even 288 1 bicubic imagenet 80.612 apache-2.0 9177562
efficientnet_b3.ra2_in1k efficientnet-b3 even 320 1 bicubic imagenet 82.296 apache-2.0 12320528
efficientnet_b4.ra2_in1k efficientnet-b4 even 384 1 bicubic imagenet 83.468 apache-2.0 19466816
resnet18.a1_in1k resnet-18 - 288 1 bicubic imagenet 73.164 apache-2.0 11699112
resnet18.a2_in1k resnet-18 - 288 1 bicubic imagenet 72.364 apache-2.0 11699112
resnet18.a3_in1k resnet-18 - 224 0.95 bicubic imagenet 68.25 apache-2.0 11699112
resnet18.fb_ssl_yfcc100m_ft_in1k resnet-18 - 224 0.875 bilinear imagenet 72.636 cc-by-nc-4.0 11699112
resnet18.fb_swsl_ig1b_ft_in1k resnet-18 - 224 0.875 bilinear imagenet 73.286 cc-by-nc-4.0 11699112
resnet18.gluon_in1k resnet-18 - 224 0.875 bicubic imagenet 70.844 apache-2.0 11699112
resnet18.tv_in1k resnet-18 - 224 0.875 bilinear imagenet 69.752 bsd-3-clause 11699112
resnet26.bt_in1k resnet-26 - 288 0.95 bicubic imagenet 76.384 apache-2.0 16026024
resnet34.a1_in1k resnet-34 - 288 1 bicubic imagenet 77.93 apache-2.0 21814696
resnet34.a2_in1k resnet-34 - 288 1 bicubic imagenet 77.15 apache-2.0 21814696
resnet34.a3_in1k resnet-34 - 224 0.95 bicubic imagenet 72.996 apache-2.0 21814696
resnet34.bt_in1k resnet-34 - 288 0.95 bicubic imagenet 76.506 apache-2.0 21814696
resnet34.gluon_in1k resnet-34 - 224 0.875 bicubic imagenet 74.574 apache-2.0 21814696
resnet34.ra4_e3600_r224_in1k resnet-34 - 288 1 bicubic half 78.972 apache-2.0 21814696
resnet34.tv_in1k resnet-34 - 224 0.875 bilinear imagenet 73.298 bsd-3-clause 21814696
resnet50.a1_in1k resnet-50 - 288 1 bicubic imagenet 81.24 apache-2.0 25610152
resnet50.a1h_in1k resnet-50 - 224 1 bicubic imagenet 80.654 apache-2.0 25610152
resnet50.a2_in1k resnet-50 - 288 1 bicubic imagenet 80.774 apache-2.0 25610152
resnet50.a3_in1k resnet-50 - 224 0.95 bicubic imagenet 78.052 apache-2.0 25610152
resnet50.am_in1k resnet-50 - 224 0.875 bicubic imagenet 79.004 apache-2.0 25610152
resnet50.b1k_in1k resnet-50 - 288 1 bicubic imagenet 80.708 apache-2.0 25610152
resnet50.b2k_in1k resnet-50 - 288 1 bicubic imagenet 80.466 apache-2.0 25610152
resnet50.bt_in1k resnet-50 - 288 0.95 bicubic imagenet 79.652 apache-2.0 25610152
resnet50.c1_in1k resnet-50 - 288 1 bicubic imagenet 80.928 apache-2.0 25610152
resnet50.c2_in1k resnet-50 - 288 1 bicubic imagenet 80.862 apache-2.0 25610152
resnet50.d_in1k resnet-50 - 288 1 bicubic imagenet 81.012 apache-2.0 25610152
resnet50.fb_ssl_yfcc100m_ft_in1k resnet-50 - 224 0.875 bilinear imagenet 79.252 cc-by-nc-4.0 25610152
resnet50.fb_swsl_ig1b_ft_in1k resnet-50 - 224 0.875 bilinear imagenet 81.146 cc-by-nc-4.0 25610152
resnet50.gluon_in1k resnet-50 - 224 0.875 bicubic imagenet 77.58 apache-2.0 25610152
resnet50.ra_in1k resnet-50 - 288 0.95 bicubic imagenet 79.864 apache-2.0 25610152
resnet50.ram_in1k resnet-50 - 288 0.95 bicubic imagenet 79.982 apache-2.0 25610152
resnet50.tv2_in1k resnet-50 - 224 0.965 bilinear imagenet 80.846 bsd-3-clause 25610152
resnet50.tv_in1k resnet-50 - 224 0.875 bilinear imagenet 76.156 bsd-3-clause 25610152
resnet101.a1_in1k resnet-101 - 288 1 bicubic imagenet 82.326 apache-2.0 44654504
resnet101.a1h_in1k resnet-101 - 288 1 bicubic imagenet 82.796 apache-2.0 44654504
resnet101.a2_in1k resnet-101 - 288 1 bicubic imagenet 82.218 apache-2.0 44654504
resnet101.a3_in1k resnet-101 - 224 0.95 bicubic imagenet 79.836 apache-2.0 44654504
resnet101.gluon_in1k resnet-101 - 224 0.875 bicubic imagenet 79.306 apache-2.0 44654504
resnet101.tv2_in1k resnet-101 - 224 0.965 bilinear imagenet 81.906 bsd-3-clause 44654504
resnet101.tv_in1k resnet-101 - 224 0.875 bilinear imagenet 77.404 bsd-3-clause 44654504
resnet152.a1_in1k resnet-152 - 288 1 bicubic imagenet 82.742 apache-2.0 60344232
resnet152.a1h_in1k resnet-152 - 288 1 bicubic imagenet 83.494 apache-2.0 60344232
resnet152.a2_in1k resnet-152 - 288 1 bicubic imagenet 82.614 apache-2.0 60344232
resnet152.a3_in1k resnet-152 - 224 0.95 bicubic imagenet 80.548 apache-2.0 60344232
resnet152.gluon_in1k resnet-152 - 224 0.875 bicubic imagenet 79.712 apache-2.0 60344232
resnet152.tv2_in1k resnet-152 - 224 0.965 bilinear imagenet 82.294 bsd-3-clause 60344232
resnet152.tv_in1k resnet-152 - 224 0.875 bilinear imagenet 78.33 bsd-3-clause 60344232
resnet18d.ra2_in1k resnet-18 d 288 0.95 bicubic imagenet 73.79 apache-2.0 11718472
resnet18d.ra4_e3600_r224_in1k resnet-18 d 288 1 bicubic half 76.012 apache-2.0 11718472
resnet26d.bt_in1k resnet-26 d 288 0.95 bicubic imagenet 77.422 apache-2.0 16045384
resnet34d.ra2_in1k resnet-34 d 288 0.95 bicubic imagenet 78.44 apache-2.0 21834056
resnet50d.a1_in1k resnet-50 d 288 1 bicubic imagenet 81.466 apache-2.0 25629512
resnet50d.a2_in1k resnet-50 d 288 1 bicubic imagenet 81.164 apache-2.0 25629512
resnet50d.a3_in1k resnet-50 d 224 0.95 bicubic imagenet 78.742 apache-2.0 25629512
resnet50d.gluon_in1k resnet-50 d 224 0.875 bicubic imagenet 79.08 apache-2.0 25629512
resnet50d.ra2_in1k resnet-50 d 288 0.95 bicubic imagenet 81.354 apache-2.0 25629512
resnet50d.ra4_e3600_r224_in1k resnet-50 d 288 1 bicubic half 81.84 apache-2.0 25629512
resnet101d.gluon_in1k resnet-101 d 224 0.875 bicubic imagenet 80.466 apache-2.0 44673864
resnet101d.ra2_in1k resnet-101 d 320 1 bicubic imagenet 83.02 apache-2.0 44673864
resnet152d.gluon_in1k resnet-152 d 224 0.875 bicubic imagenet 80.476 apache-2.0 60363592
resnet152d.ra2_in1k resnet-152 d 320 1 bicubic imagenet 83.684 apache-2.0 60363592
resnet200d.ra2_in1k resnet-200 d 320 1 bicubic imagenet 83.976 apache-2.0 64869192
seresnet50.a1_in1k resnet-50 se 288 1 bicubic imagenet 81.114 apache-2.0 28141144
seresnet50.a2_in1k resnet-50 se 288 1 bicubic imagenet 81.094 apache-2.0 28141144
seresnet50.a3_in1k resnet-50 se 224 0.95 bicubic imagenet 77.036 apache-2.0 28141144
seresnet50.ra2_in1k resnet-50 se 288 0.95 bicubic imagenet 81.288 apache-2.0 28141144
tresnet_m.miil_in1k tresnet-m - 224 0.875 bilinear none 80.816 apache-2.0 31450600
tresnet_m.miil_in1k_448 tresnet-m - 448 0.875 bilinear none 81.71 apache-2.0 31450600
tresnet_m.miil_in21k_ft_in1k tresnet-m - 224 0.875 bilinear none 83.09 apache-2.0 31450600
tresnet_l.miil_in1k tresnet-l - 224 0.875 bilinear none 81.498 apache-2.0 56088816
tresnet_l.miil_in1k_448 tresnet-l - 448 0.875 bilinear none 82.278 apache-2.0 56088816
tresnet_xl.miil_in1k tresnet-xl - 224 0.875 bilinear none 82.06 apache-2.0 78568878
tresnet_xl.miil_in1k_448 tresnet-xl - 448 0.875 bilinear none 83.066 apache-2.0 78568878
tresnet_v2_l.miil_in21k_ft_in1k tresnet-v2-l - 224 0.875 bilinear none 83.91 apache-2.0 46280168
resnest14d.gluon_in1k resnest-14d - 224 0.875 bilinear imagenet 75.516 apache-2.0 10634024
resnest26d.gluon_in1k resnest-26d - 224 0.875 bilinear imagenet 78.476 apache-2.0 17106184
resnest50d.in1k resnest-50d - 224 0.875 bilinear imagenet 80.958 apache-2.0 27547816
resnest101e.in1k resnest-101e - 256 0.875 bilinear imagenet 82.916 apache-2.0 48405128
resnest200e.in1k resnest-200e - 320 0.909 bicubic imagenet 83.88 apache-2.0 70419976
resnest269e.in1k resnest-269e - 416 0.928 bicubic imagenet 84.542 apache-2.0 111243912
resnest50d_4s2x40d.in1k resnest-50d-4s2x40d - 224 0.875 bicubic imagenet 81.146 apache-2.0 30512376
resnest50d_1s4x24d.in1k resnest-50d-1s4x24d - 224 0.875 bicubic imagenet 81.024 apache-2.0 25740680
dm_nfnet_f0.dm_in1k dm-nfnet-f0 - 256 0.8889 bicubic imagenet - apache-2.0 71489284
dm_nfnet_f1.dm_in1k dm-nfnet-f1 - 320 0.9091 bicubic imagenet - apache-2.0 132634256
dm_nfnet_f2.dm_in1k dm-nfnet-f2 - 352 0.9167 bicubic imagenet - apache-2.0 193779228
dm_nfnet_f3.dm_in1k dm-nfnet-f3 - 416 0.9286 bicubic imagenet - apache-2.0 254924200
dm_nfnet_f4.dm_in1k dm-nfnet-f4 - 512 0.9412 bicubic imagenet - apache-2.0 316069172
dm_nfnet_f5.dm_in1k dm-nfnet-f5 - 544 0.9444 bicubic imagenet - apache-2.0 377214144
dm_nfnet_f6.dm_in1k dm-nfnet-f6 - 576 0.9474 bicubic imagenet - apache-2.0 438359116
nfnet_l0.ra2_in1k nfnet-l0 - 288 1 bicubic imagenet 82.766 apache-2.0 35074488
eca_nfnet_l0.ra2_in1k eca-nfnet-l0 - 288 1 bicubic imagenet 82.59 apache-2.0 24143924
eca_nfnet_l1.ra2_in1k eca-nfnet-l1 - 320 1 bicubic imagenet 84.062 apache-2.0 41407728
eca_nfnet_l2.ra3_in1k eca-nfnet-l2 - 384 1 bicubic imagenet 84.71 apache-2.0 56722348
nf_resnet50.ra2_in1k nf-resnet-50 - 288 0.94 bicubic imagenet 80.658 apache-2.0 25557032
lambda_resnet26t.c1_in1k lambda-resnet-26t - 256 0.94 bicubic imagenet 79.126 apache-2.0 10990256
lambda_resnet26rpt_256.c1_in1k lambda-resnet-26rpt - 256 0.94 bicubic imagenet 78.96 apache-2.0 11020672
lambda_resnet50ts.a1h_in1k lambda-resnet-50ts - 256 0.95 bicubic imagenet 81.184 apache-2.0 21591408
seresnet152d.ra2_in1k resnet-152 d+se 320 1 bicubic imagenet 84.344 apache-2.0 66992632
`;

/** Files of torchvision: the name is the enum's, the last column the file on download.pytorch.org/models. */
export const TORCHVISION = `
resnet18.IMAGENET1K_V1 resnet-18 - 224 0.875 bilinear imagenet 69.758 bsd-3-clause 11699112 resnet18-f37072fd.pth
resnet34.IMAGENET1K_V1 resnet-34 - 224 0.875 bilinear imagenet 73.314 bsd-3-clause 21814696 resnet34-b627a593.pth
resnet50.IMAGENET1K_V1 resnet-50 - 224 0.875 bilinear imagenet 76.13 bsd-3-clause 25610152 resnet50-0676ba61.pth
resnet50.IMAGENET1K_V2 resnet-50 - 224 0.9655 bilinear imagenet 80.858 bsd-3-clause 25610152 resnet50-11ad3fa6.pth
resnet101.IMAGENET1K_V1 resnet-101 - 224 0.875 bilinear imagenet 77.374 bsd-3-clause 44654504 resnet101-63fe2227.pth
resnet101.IMAGENET1K_V2 resnet-101 - 224 0.9655 bilinear imagenet 81.886 bsd-3-clause 44654504 resnet101-cd907fc2.pth
resnet152.IMAGENET1K_V1 resnet-152 - 224 0.875 bilinear imagenet 78.312 bsd-3-clause 60344232 resnet152-394f9c45.pth
resnet152.IMAGENET1K_V2 resnet-152 - 224 0.9655 bilinear imagenet 82.284 bsd-3-clause 60344232 resnet152-f82ba261.pth
`;
